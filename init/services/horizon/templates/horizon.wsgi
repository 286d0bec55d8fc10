# Rendered by init/bootstrap.sh, which writes it again when the answers change.
import sys

sys.path.append(@{modules|python})

import ksbundle_door
from ksbundle_horizon import application as horizon

application = horizon.load(@{settings|python}, @{settings_directory|python})
application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
