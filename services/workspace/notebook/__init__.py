"""What the sandbox sees at /opt/tidegate/lib; its modules run among the researcher's own code."""
