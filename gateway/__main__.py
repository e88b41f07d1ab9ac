"""`python -m gateway` is the command `pop3-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
