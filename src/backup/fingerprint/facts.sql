-- What must be alike before anything else can be, and what a scratch database needs.
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'server_version', current_setting('server_version'),
  'name', current_database(),
  'encoding', pg_encoding_to_char(d.encoding),
  'collate', d.datcollate,
  'ctype', d.datctype,
  'bytes', pg_database_size(d.oid),
  -- Roles that something in this database depends on. The first superuser is in every server and never stands here.
  'roles', (select coalesce(json_agg(distinct r.rolname), '[]')
            from pg_shdepend s join pg_roles r on r.oid = s.refobjid
            where s.refclassid = 'pg_authid'::regclass and s.dbid = d.oid),
  'extensions', (select coalesce(json_object_agg(extname, extversion), '{}') from pg_extension))
from pg_database d where d.datname = current_database();
