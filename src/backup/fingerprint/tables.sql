-- Each table that holds rows of its own: their number, and the sum of a 64-bit hash of each row as text.
select format('select json_build_array(%L, count(*), coalesce(sum(hashtextextended((t.*)::text collate "C", 0)), 0)::text) from only %I.%I t',
              format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1
\gexec
