-- Local accounts of an installation without an identity provider of its own.

CREATE TABLE tidegate.accounts (
    subject text PRIMARY KEY,
    issuer text NOT NULL,
    display_name text NOT NULL,
    password_hash text NOT NULL,
    disabled boolean NOT NULL
);
