-- The database `new`, if it is there, gets the name of the other one, which goes. Cut off, it is done again.
DROP DATABASE IF EXISTS :"former" WITH (FORCE);
SELECT EXISTS (SELECT FROM pg_database WHERE datname = :'new') AS is_new,
  EXISTS (SELECT FROM pg_database WHERE datname = :'name') AS is_old \gset
\if :is_new
  BEGIN;
  \if :is_old
    ALTER DATABASE :"name" RENAME TO :"former";
  \endif
  ALTER DATABASE :"new" RENAME TO :"name";
  COMMIT;
  DROP DATABASE IF EXISTS :"former" WITH (FORCE);
\endif
