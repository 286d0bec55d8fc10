# Rendered by init/bootstrap.sh, which writes it again when the answers change.
import os
import sys

os.environ.update(@{environment})
sys.path.append(@{modules|python})

from @{module} import @{callable} as application

import ksbundle_door

application = ksbundle_door.guard(
    application, names_file=@{names|python}, proxies=@{proxies}, hsts=@{hsts}, request_id=@{request_id|python})
