# Rendered by init/bootstrap.sh, which writes it again when the answers change.
import sys

sys.path.append(@{modules|python})

import ksbundle_door
import ksbundle_nova
import ksbundle_openstack

with ksbundle_nova.loading(), ksbundle_openstack.loading_application(
        "nova.api.openstack.wsgi_app", [@{paste|python}, @{config|python}, @{needs.rabbitmq.transport-config|python}], @{config_directory|python}):
    from ksbundle_nova import networks
    from ksbundle_openstack import pipelines, tokens

    networks.allow_none()
    pipelines.allow_percent()
    from nova.wsgi.osapi_compute import application

application = tokens.remember(application, @{needs.memcached.socket|python})
application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
