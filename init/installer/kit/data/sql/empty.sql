-- An empty database of a role's, in the place of one that is there.
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
CREATE DATABASE :"name" OWNER :"role" TEMPLATE template0;
