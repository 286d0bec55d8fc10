# Rendered by init/bootstrap.sh. Keystone reads its configuration from what it takes for a command line; naming the
# directory too keeps it from reading /etc/keystone of the host.
import sys

sys.argv = ["keystone", "--config-file", @{config|python}, "--config-dir", @{config_directory|python}]

import ksbundle_keystone

with ksbundle_keystone.loading():
    from keystone.wsgi.api import application

from ksbundle_keystone import door, responses

application = door.guard(application, names_file=@{names|python}, proxies=@{trusted_proxies})
application = responses.complete(application, hsts=@{hsts})
