/** The ledger's tables. Records and transfers are only ever appended: the triggers refuse anything else, whoever asks. */
export const LEDGER_SCHEMA = `
CREATE TABLE records (
  height INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  node BLOB,
  body BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX records_policy ON records (height) WHERE type = 'policy';
CREATE TRIGGER records_are_final BEFORE UPDATE ON records BEGIN SELECT raise(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT raise(ABORT, 'records are append-only'); END;
CREATE TABLE transfers (
  height INTEGER NOT NULL REFERENCES records,
  node BLOB NOT NULL,
  part TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (height, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_of_node ON transfers (node, height);
CREATE TRIGGER transfers_are_final BEFORE UPDATE ON transfers BEGIN SELECT raise(ABORT, 'transfers are append-only'); END;
CREATE TRIGGER transfers_stay BEFORE DELETE ON transfers BEGIN SELECT raise(ABORT, 'transfers are append-only'); END;
CREATE TABLE accounts (owner BLOB NOT NULL, part TEXT NOT NULL, balance INTEGER NOT NULL, PRIMARY KEY (owner, part)) STRICT, WITHOUT ROWID;
CREATE TABLE nodes (
  key BLOB PRIMARY KEY,
  descriptor BLOB NOT NULL,
  descriptor_hash BLOB NOT NULL,
  head_boot INTEGER,
  head_seq INTEGER,
  head_hash BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE receipts (id INTEGER PRIMARY KEY, envelope BLOB NOT NULL) STRICT;
CREATE TABLE proofs (
  node BLOB NOT NULL,
  boot_count INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  height INTEGER NOT NULL,
  receipt INTEGER NOT NULL REFERENCES receipts,
  PRIMARY KEY (node, boot_count, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE assignments (
  id BLOB PRIMARY KEY,
  node BLOB NOT NULL,
  role TEXT NOT NULL,
  kind TEXT NOT NULL,
  item TEXT NOT NULL,
  envelope BLOB NOT NULL,
  payload BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  beacon_height INTEGER NOT NULL,
  state TEXT NOT NULL,
  detail TEXT,
  sends INTEGER NOT NULL,
  next_send INTEGER NOT NULL,
  proof_height INTEGER,
  recheck TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_open ON assignments (next_send) WHERE state = 'issued';
CREATE INDEX assignments_open_of ON assignments (node, item) WHERE state = 'issued';
CREATE INDEX assignments_of_item ON assignments (node, item, issued_at);
CREATE INDEX assignments_to_recheck ON assignments (proof_height) WHERE recheck = 'pending';
CREATE TABLE beacons (height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE placements (
  node BLOB NOT NULL,
  blob BLOB NOT NULL,
  size INTEGER NOT NULL,
  placed_at INTEGER NOT NULL,
  claimed INTEGER NOT NULL,
  item TEXT,
  PRIMARY KEY (node, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX placements_of_blob ON placements (blob);
CREATE TABLE orders (id BLOB NOT NULL UNIQUE, toml TEXT NOT NULL, file_name TEXT NOT NULL, assignment BLOB, problem TEXT) STRICT;
`;
