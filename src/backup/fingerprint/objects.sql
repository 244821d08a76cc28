-- Everything with a name and its definition, one line each: kind, name, definition. What an extension brought is left
-- out: the extension and its version stand for it.
with extended as materialized (
  select classid, objid from pg_depend where deptype = 'e'
), space as materialized (
  select n.* from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and ('pg_namespace'::regclass, n.oid) not in (select classid, objid from extended)
), relation as materialized (
  select c.*, format('%I.%I', n.nspname, c.relname) as name,
    case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized_view'
      when 'S' then 'sequence' when 'f' then 'foreign_table' when 'c' then 'type' else 'index' end as kind
  from pg_class c join space n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    and ('pg_class'::regclass, c.oid) not in (select classid, objid from extended)
), routine as materialized (
  select p.*, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
  from pg_proc p join space n on n.oid = p.pronamespace
  where ('pg_proc'::regclass, p.oid) not in (select classid, objid from extended)
), granted(kind, name, owner, acl) as (
  select 'schema', format('%I', nspname), pg_get_userbyid(nspowner), coalesce(nspacl, acldefault('n', nspowner)) from space
  union all
  select kind, name, pg_get_userbyid(relowner),
    coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
  from relation where relkind <> 'c'
  union all
  select 'function', name, pg_get_userbyid(proowner), coalesce(proacl, acldefault('f', proowner)) from routine
), named(kind, oid, class) as (
  select 'operator', oid, 'pg_operator'::regclass from pg_operator union all
  select 'operator_class', oid, 'pg_opclass'::regclass from pg_opclass union all
  select 'collation', oid, 'pg_collation'::regclass from pg_collation union all
  select 'conversion', oid, 'pg_conversion'::regclass from pg_conversion union all
  select 'cast', oid, 'pg_cast'::regclass from pg_cast union all
  select 'language', oid, 'pg_language'::regclass from pg_language union all
  select 'text_search', oid, 'pg_ts_config'::regclass from pg_ts_config union all
  select 'text_search', oid, 'pg_ts_dict'::regclass from pg_ts_dict union all
  select 'statistics', oid, 'pg_statistic_ext'::regclass from pg_statistic_ext union all
  select 'event_trigger', oid, 'pg_event_trigger'::regclass from pg_event_trigger union all
  select 'publication', oid, 'pg_publication'::regclass from pg_publication union all
  select 'server', oid, 'pg_foreign_server'::regclass from pg_foreign_server
), item(kind, name, definition) as (
  select 'grants', kind || ' ' || name,
    (select string_agg(word, ' ' order by word collate "C") from (
       select format('%s=%s%s', case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
                     lower(a.privilege_type), case when a.is_grantable then '*' else '' end) as word
       from aclexplode(acl) a) w)
  from granted
  union all
  select 'owner', kind || ' ' || name, owner from granted where (kind, name) <> ('schema', 'public')
  union all
  select kind, name, concat_ws('; ', relpersistence, nullif(array_to_string(reloptions, ','), ''),
      case when relrowsecurity then 'row security' end, case when relforcerowsecurity then 'forced' end,
      pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid),
      (select 'inherits ' || string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = relation.oid),
      case when relkind in ('v', 'm') then pg_get_viewdef(oid) end)
  from relation where relkind <> 'S'
  union all
  select 'sequence', name, concat_ws(' ', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
      s.seqcache, s.seqcycle)
  from relation join pg_sequence s on s.seqrelid = relation.oid
  union all
  select 'column', format('%s.%I', name, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then 'not null' end, case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
      case when a.attgenerated <> '' then 'generated' end,
      case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation::text end,
      'default ' || pg_get_expr(d.adbin, d.adrelid),
      (select 'grants ' || string_agg(format('%s=%s', g.grantee::regrole, g.privilege_type), ' '
               order by g.grantee::regrole::text collate "C", g.privilege_type collate "C") from aclexplode(a.attacl) g))
  from relation join pg_attribute a on a.attrelid = relation.oid join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped and relkind <> 'S'
  union all
  select 'constraint', format('%s %I', name, c.conname), pg_get_constraintdef(c.oid)
  from relation join pg_constraint c on c.conrelid = relation.oid
  union all
  select 'index', format('%s %I', name, c.relname), pg_get_indexdef(i.indexrelid)
  from relation join pg_index i on i.indrelid = relation.oid join pg_class c on c.oid = i.indexrelid
  -- One that could not be built is not dumped.
  where i.indisvalid or relation.relkind = 'p'
  union all
  select 'rule', format('%s %I', name, r.rulename), pg_get_ruledef(r.oid)
  from relation join pg_rewrite r on r.ev_class = relation.oid where r.rulename <> '_RETURN'
  union all
  select 'trigger', format('%s %I', name, t.tgname), t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid)
  from relation join pg_trigger t on t.tgrelid = relation.oid where not t.tgisinternal
  union all
  select 'policy', format('%s %I', name, p.polname), concat_ws('; ', p.polcmd, p.polpermissive,
      (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r) end, ',' order by r) from unnest(p.polroles) r),
      pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  from relation join pg_policy p on p.polrelid = relation.oid
  union all
  select 'function', name, case when prokind = 'a' then 'aggregate' else pg_get_functiondef(oid) end from routine
  union all
  select 'type', format('%I.%I', n.nspname, t.typname), case t.typtype
      when 'e' then (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)
      when 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end, t.typdefault,
        (select string_agg(pg_get_constraintdef(c.oid), ' ' order by c.conname) from pg_constraint c where c.contypid = t.oid))
      else t.typtype::text end
  from pg_type t join space n on n.oid = t.typnamespace
  where t.typtype in ('e', 'd', 'r', 'b') and t.typelem = 0
    and ('pg_type'::regclass, t.oid) not in (select classid, objid from extended)
  union all
  select 'extension', format('%I', extname), extversion from pg_extension
  union all
  select 'default_grants', concat_ws(' ', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype),
    (select string_agg(a::text, ',' order by a::text collate "C") from unnest(d.defaclacl) a) from pg_default_acl d
  union all
  select 'large_objects', format('of %I', pg_get_userbyid(lomowner)), count(*)::text from pg_largeobject_metadata group by lomowner
  union all
  select kind, (pg_identify_object(class, oid, 0)).identity, '' from named
  where oid >= 16384 and (class::oid, oid) not in (select classid, objid from extended)
)
select json_build_array(kind, name, definition) from item;
