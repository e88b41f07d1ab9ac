"""The driver for Microsoft Graph: mailboxes of Microsoft 365 and Outlook.com."""
