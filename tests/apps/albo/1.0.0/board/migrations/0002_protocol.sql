-- oldest reader: 1
CREATE SEQUENCE protocol_number AS bigint START 1000 INCREMENT 7 CACHE 5;
CREATE SEQUENCE stamp_number AS smallint MINVALUE -5 START -5 MAXVALUE 900 CYCLE;

CREATE TABLE protocol_entry (
    number      bigint PRIMARY KEY DEFAULT nextval('protocol_number'),
    notice_id   bigint REFERENCES notice,
    received_at timestamptz NOT NULL,
    fee         numeric NOT NULL,
    fingerprint bytea NOT NULL,
    details     jsonb NOT NULL,
    keywords    text[] NOT NULL,
    shares      numeric(6,2)[]
);
CREATE INDEX protocol_entry_details ON protocol_entry USING gin (details jsonb_path_ops);

-- Old scans are large objects, not files.
CREATE TABLE scan (
    notice_id bigint PRIMARY KEY REFERENCES notice,
    content   oid NOT NULL UNIQUE,
    size      bigint NOT NULL,
    sha256    bytea NOT NULL CHECK (octet_length(sha256) = 32)
);
