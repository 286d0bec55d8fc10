# Rendered by init/bootstrap.sh, which writes it again when the answers change.
import sys

sys.path.append(@{modules|python})

import ksbundle_door
import ksbundle_openstack

with ksbundle_openstack.loading_application(
        "glance.common.wsgi_app", [@{config|python}], @{config_directory|python}):
    from ksbundle_glance import places
    from ksbundle_openstack import pipelines, tokens

    pipelines.allow_percent()
    from glance.wsgi.api import application

places.follow(@{instance|python})
application = tokens.remember(application, @{needs.memcached.socket|python})
application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
