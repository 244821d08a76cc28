-- Each sequence: the last number, whether it was given already, and the step to the next.
select format('select json_build_array(%L, last_value, is_called, %s) from %I.%I',
              format('%I.%I', n.nspname, c.relname), s.seqincrement, n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1
\gexec
