# Rendered by init/bootstrap.sh. Use it as: . @{path|shell}
# The password is in the file named below; after you change it, write the new one there.
# Removes variables that another cloud's file may have left. The client takes OS_CLIENT_CONFIG_FILE, too, for a setting of this one.
unset OS_TOKEN OS_AUTH_TYPE OS_PROJECT_ID OS_PROJECT_DOMAIN_ID OS_USER_DOMAIN_ID OS_DOMAIN_NAME OS_SYSTEM_SCOPE OS_CLOUD
unset OS_CLIENT_CONFIG_FILE
export OS_AUTH_URL=@{public_url|shell}
export OS_USERNAME=@{user}
export OS_PASSWORD="$(cat @{password_file|shell})"
export OS_PROJECT_NAME=@{project}
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=@{region|shell}
@{ca_in_openrc}
