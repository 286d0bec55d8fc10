# Rendered by init/bootstrap.sh, which writes it again when the answers change.
import sys

sys.path.append(@{modules|python})

import ksbundle_door
import ksbundle_openstack

with ksbundle_openstack.loading_application("placement.wsgi", [@{config|python}], @{config_directory|python}):
    from placement.wsgi.api import application

from ksbundle_openstack import tokens

application = tokens.remember(application, @{needs.memcached.socket|python})
application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
