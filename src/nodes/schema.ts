/** The database's tables: a list of migrations, each applied once and never edited after a release. */

/** The number of a migration is its position, counted from 1; it is the schema's version. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    address TEXT NOT NULL,
    armed_at TEXT NOT NULL,
    plan TEXT NOT NULL,
    plan_sha256 TEXT NOT NULL,
    image_id TEXT NOT NULL,
    revision TEXT NOT NULL,
    state TEXT NOT NULL,
    is_live INTEGER NOT NULL CHECK (is_live IN (0, 1))
  ) STRICT;
  CREATE UNIQUE INDEX one_live_attempt_per_node ON attempts (node) WHERE is_live = 1;
  CREATE INDEX attempts_of_node ON attempts (node, id);

  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt INTEGER NOT NULL REFERENCES attempts (id),
    at TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_of_attempt ON events (attempt, id);
  CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
  CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;

  CREATE TABLE seeds (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    token_sha256 TEXT NOT NULL UNIQUE,
    attempt INTEGER NOT NULL REFERENCES attempts (id),
    minted_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('minted', 'redeemed', 'dead')),
    address TEXT,
    key_sha256 TEXT,
    host_key TEXT,
    certificate TEXT
  ) STRICT;
  CREATE INDEX seeds_of_attempt ON seeds (attempt, serial);

  CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt INTEGER NOT NULL REFERENCES attempts (id),
    at TEXT NOT NULL,
    report TEXT NOT NULL
  ) STRICT;
  CREATE INDEX reports_of_attempt ON reports (attempt, id);
  `,
  // The version was a table of ours; from here on it is SQLite's user_version, which costs no table to read.
  "DROP TABLE IF EXISTS schema_version",
];
