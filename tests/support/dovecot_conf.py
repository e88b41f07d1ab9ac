"""The configuration file of the tests' Dovecot."""

# What Dovecot 2.3 announces after login; `without` takes names out of it.
CAPABILITIES = [
    "IMAP4rev1",
    "SASL-IR",
    "LOGIN-REFERRALS",
    "ID",
    "ENABLE",
    "IDLE",
    "SORT",
    "SORT=DISPLAY",
    "THREAD=REFERENCES",
    "THREAD=REFS",
    "THREAD=ORDEREDSUBJECT",
    "MULTIAPPEND",
    "URL-PARTIAL",
    "CATENATE",
    "UNSELECT",
    "CHILDREN",
    "NAMESPACE",
    "UIDPLUS",
    "LIST-EXTENDED",
    "I18NLEVEL=1",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "ESORT",
    "SEARCHRES",
    "WITHIN",
    "CONTEXT=SEARCH",
    "LIST-STATUS",
    "BINARY",
    "MOVE",
    "SNIPPET=FUZZY",
    "PREVIEW=FUZZY",
    "PREVIEW",
    "STATUS=SIZE",
    "SAVEDATE",
    "LITERAL+",
    "NOTIFY",
]

TEMPLATE = """\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = imap pop3
listen = {host}
ssl = {ssl}
ssl_cert = <{certificate}
ssl_key = <{key}
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_process_limit = 8
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = {mechanisms}
auth_username_chars =
auth_username_format =
disable_plaintext_auth = {disable_plaintext}
auth_failure_delay = {failure_delay}
login_trusted_networks = {trusted}
mail_max_userip_connections = 10000
mail_location = maildir:{base}/mail/%Mu
{nodelay}
passdb {{
  driver = passwd-file
  # A user is kept under a hash of the name, so that a name may hold any octet; in a file
  # of its own, as Dovecot looks at a file's changes only once a second.
  args = scheme=PLAIN.b64 username_format=%Mu {base}/users/%Mu
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/mail/%Mu
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap {{
  process_limit = 1000
}}
service pop3 {{
  process_limit = 1000
}}
service anvil {{
  chroot =
  {penalty}
}}
service stats {{
  chroot =
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
{capability}
{extra}
"""

# Dovecot holds every refusal back for half a second even at auth_failure_delay = 0, unless
# a passdb that took the password has said "nodelay"; this one takes any, and decides nothing.
NO_DELAY = """passdb {
  driver = static
  args = password={plain}%w nodelay=yes
  result_success = continue-fail
}"""

NO_PENALTY = """unix_listener anvil-auth-penalty {
    mode = 0
  }"""
