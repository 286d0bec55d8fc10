# Rendered by init/bootstrap.sh. Keystone reads its configuration from its supposed command line; naming the
# directory too keeps it from reading /etc/keystone of the host.
import sys

sys.argv = ["keystone", "--config-file", @{config|python}, "--config-dir", @{config_directory|python}]

sys.path.append(@{modules|python})

import ksbundle_door
import ksbundle_keystone

with ksbundle_keystone.loading():
    from keystone.wsgi.api import application

from ksbundle_keystone import activity, bodies, changes, health, meter, responses, schemas

activity.write_changes_only()
schemas.reuse()
application = changes.begin_requests(health.mount(application))
application = responses.complete(bodies.check(application))
application = meter.measure(application, @{metrics|python})
application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
