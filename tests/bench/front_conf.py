"""Configuration of the Dovecot POP3 front-ends: over imapc, and directly on the Maildirs."""

# Sessions a process, and connections a login process, are what a mode is about; everything
# else is what Dovecot's documentation advises for speed.
COMMON = """\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = pop3
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{certificate}
ssl_key = <{key}
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_process_limit = 12000
default_client_limit = 20000
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
mail_max_userip_connections = 100000
pop3_fast_size_lookups = yes
pop3_no_flag_updates = yes
namespace inbox {{
  inbox = yes
}}
service pop3-login {{
  chroot =
  service_count = 0
  process_min_avail = 2
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3 {{
  process_limit = 12000
  vsz_limit = {vsz_limit}
  service_count = {service_count}
  client_limit = {client_limit}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

IMAPC = """\
mail_location = imapc:~/imapc
imapc_host = {upstream_host}
imapc_port = {upstream_port}
imapc_ssl = {upstream_ssl}
imapc_features = rfc822.size fetch-headers
ssl_client_ca_file = {upstream_ca}
passdb {{
  driver = imap
  args = host={upstream_host} port={upstream_port} {passdb_ssl}
  default_fields = userdb_imapc_user=%u userdb_imapc_password=%w userdb_uid={uid} userdb_gid={gid} userdb_home={homes}/%u
}}
userdb {{
  driver = prefetch
}}
"""

DIRECT = """\
mail_location = maildir:{upstream_mail}/%Mu
passdb {{
  driver = passwd-file
  args = scheme=PLAIN.b64 username_format=%Mu {upstream_users}/%Mu
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={homes}/%u
}}
"""
