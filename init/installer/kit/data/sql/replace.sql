-- Replaces the database with `new`, if that exists. Idempotent, also after an interruption.
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
