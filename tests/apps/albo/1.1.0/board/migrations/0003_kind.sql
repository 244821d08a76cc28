-- oldest reader: 1
ALTER TABLE notice ADD COLUMN kind text NOT NULL DEFAULT '';

-- What stands before the colon of a subject: "Ordinanza: …". Release 1.0.0 does not know the column and goes on adding
-- notices, so the database fills it in.
CREATE FUNCTION notice_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = '' AND strpos(NEW.subject, ':') BETWEEN 2 AND 60 THEN
        NEW.kind := lower(btrim(split_part(NEW.subject, ':', 1)));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER notice_kind BEFORE INSERT ON notice FOR EACH ROW EXECUTE FUNCTION notice_kind();

UPDATE notice SET kind = lower(btrim(split_part(subject, ':', 1))) WHERE strpos(subject, ':') BETWEEN 2 AND 60;
CREATE INDEX notice_of_kind ON notice (kind, published_from);
