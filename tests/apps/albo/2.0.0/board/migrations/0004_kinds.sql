-- oldest reader: 4
-- Kinds become a table of their own. Release 1.1.0 adds notices with a column that is gone: it cannot work on this.
CREATE TABLE kind (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);
INSERT INTO kind (name) SELECT DISTINCT kind FROM notice ORDER BY kind;

ALTER TABLE notice ADD COLUMN kind_id integer REFERENCES kind;
UPDATE notice SET kind_id = kind.id FROM kind WHERE kind.name = notice.kind;
DROP TRIGGER notice_kind ON notice;
DROP FUNCTION notice_kind();
DROP INDEX notice_of_kind;
ALTER TABLE notice DROP COLUMN kind;
ALTER TABLE notice ALTER COLUMN kind_id SET NOT NULL;
CREATE INDEX notice_of_kind ON notice (kind_id, published_from);

CREATE FUNCTION notice_kind() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE found text := '';
BEGIN
    IF strpos(NEW.subject, ':') BETWEEN 2 AND 60 THEN
        found := lower(btrim(split_part(NEW.subject, ':', 1)));
    END IF;
    INSERT INTO kind (name) VALUES (found) ON CONFLICT (name) DO NOTHING;
    SELECT id INTO NEW.kind_id FROM kind WHERE name = found;
    RETURN NEW;
END $$;
CREATE TRIGGER notice_kind BEFORE INSERT ON notice FOR EACH ROW EXECUTE FUNCTION notice_kind();
