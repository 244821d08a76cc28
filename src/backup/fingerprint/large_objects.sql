-- All large objects, in pieces of a mebibyte, of which only the hash is kept: they may be larger than memory.
with recursive piece(oid, n, length, hash) as (
  select m.oid, 0, length(d), encode(sha256(d), 'hex')
  from pg_largeobject_metadata m, lateral lo_get(m.oid, 0, 1048576) d
  union all
  select p.oid, p.n + 1, length(d), encode(sha256(d), 'hex')
  from piece p, lateral lo_get(p.oid, (p.n + 1)::bigint * 1048576, 1048576) d
  where p.length = 1048576
)
select json_build_array(count(*) filter (where n = 0),
                        coalesce(sum(hashtextextended(concat_ws(':', oid, n, hash) collate "C", 0)), 0)::text)
from piece;
