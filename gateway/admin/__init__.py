"""The office: console and sign-in pages for people, metrics and health for machines."""
