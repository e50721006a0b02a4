"""What officers do: apply resources, approve projects."""
