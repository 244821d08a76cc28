-- oldest reader: 1
-- The defect of this release, on purpose: it commits half of its work, rows that it took away among it, and fails then.
CREATE TABLE archive (LIKE notice INCLUDING DEFAULTS);
INSERT INTO archive SELECT * FROM notice WHERE published_to < date '2016-01-01';
DELETE FROM scan USING archive WHERE scan.notice_id = archive.id;
DELETE FROM attachment USING archive WHERE attachment.notice_id = archive.id;
UPDATE protocol_entry SET notice_id = NULL FROM archive WHERE notice_id = archive.id;
DELETE FROM notice USING archive WHERE notice.id = archive.id;
COMMIT;
ALTER TABLE archive ADD FOREIGN KEY (office) REFERENCES office_of_register (name);
