-- Creates an empty database of the role; replaces an existing one.
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
CREATE DATABASE :"name" OWNER :"role" TEMPLATE template0;
