/** The ledger's tables. Records and transfers are only ever appended: the triggers refuse anything else, whoever asks. */
export const LEDGER_SCHEMA = `
CREATE TABLE records (
  height INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  node BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  claims BLOB NOT NULL,
  attachment BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX records_policy ON records (height) WHERE type = 'policy';
CREATE TRIGGER records_are_final BEFORE UPDATE ON records BEGIN SELECT raise(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT raise(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_follow BEFORE INSERT ON records WHEN NEW.height <= (SELECT max(height) FROM records)
  BEGIN SELECT raise(ABORT, 'records are append-only'); END;
CREATE TABLE transfers (
  height INTEGER PRIMARY KEY REFERENCES records,
  node BLOB NOT NULL,
  online INTEGER NOT NULL,
  work INTEGER NOT NULL,
  bonus INTEGER NOT NULL
) STRICT;
CREATE INDEX transfers_of_node ON transfers (node, height);
CREATE TRIGGER transfers_are_final BEFORE UPDATE ON transfers BEGIN SELECT raise(ABORT, 'transfers are append-only'); END;
CREATE TRIGGER transfers_stay BEFORE DELETE ON transfers BEGIN SELECT raise(ABORT, 'transfers are append-only'); END;
CREATE TRIGGER transfers_follow BEFORE INSERT ON transfers WHEN NEW.height <= (SELECT max(height) FROM transfers)
  BEGIN SELECT raise(ABORT, 'transfers are append-only'); END;
CREATE TABLE accounts (owner BLOB NOT NULL, part TEXT NOT NULL, balance INTEGER NOT NULL, PRIMARY KEY (owner, part)) STRICT, WITHOUT ROWID;
CREATE TABLE nodes (key BLOB PRIMARY KEY, descriptor BLOB NOT NULL, descriptor_hash BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE heads (
  node BLOB PRIMARY KEY,
  boot_count INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE receipts (id INTEGER PRIMARY KEY, envelope BLOB NOT NULL) STRICT;
CREATE TABLE proofs (
  node BLOB NOT NULL,
  boot_count INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  receipt INTEGER NOT NULL REFERENCES receipts,
  PRIMARY KEY (node, boot_count, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE equivocations (
  node BLOB NOT NULL,
  boot_count INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  receipt INTEGER NOT NULL REFERENCES receipts,
  PRIMARY KEY (node, boot_count, seq, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE assignments (
  id BLOB NOT NULL UNIQUE,
  node BLOB NOT NULL,
  role TEXT NOT NULL,
  kind TEXT NOT NULL,
  item TEXT NOT NULL,
  blob BLOB,
  terms BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  beacon_height INTEGER NOT NULL,
  state TEXT NOT NULL,
  detail TEXT,
  sends INTEGER NOT NULL,
  next_send INTEGER NOT NULL,
  proof_height INTEGER,
  recheck TEXT
) STRICT;
CREATE INDEX assignments_open ON assignments (next_send) WHERE state = 'issued';
CREATE INDEX assignments_open_of ON assignments (node, item) WHERE state = 'issued';
CREATE INDEX assignments_of_item ON assignments (node, item, issued_at);
CREATE INDEX assignments_to_recheck ON assignments (proof_height) WHERE recheck = 'pending';
CREATE TABLE commands (id BLOB PRIMARY KEY, envelope BLOB NOT NULL) STRICT;
CREATE TABLE beacons (height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE placements (
  node BLOB NOT NULL,
  blob BLOB NOT NULL,
  size INTEGER NOT NULL,
  placed_at INTEGER NOT NULL,
  claimed INTEGER NOT NULL,
  item TEXT NOT NULL,
  held INTEGER NOT NULL,
  PRIMARY KEY (node, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX placements_held_of ON placements (node) WHERE held = 1;
CREATE INDEX placements_of_blob ON placements (blob) WHERE held = 1;
CREATE TABLE orders (id BLOB NOT NULL UNIQUE, toml TEXT NOT NULL, file_name TEXT NOT NULL, assignment BLOB, problem TEXT) STRICT;
`;

/** Added later: nodes that are taken for less than they claim. */
export const STANDINGS_SCHEMA = `
CREATE TABLE standings (node BLOB PRIMARY KEY, tier TEXT NOT NULL, detail TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE contradictions (node BLOB NOT NULL, at_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE INDEX contradictions_of_node ON contradictions (node, at_ms);
`;
