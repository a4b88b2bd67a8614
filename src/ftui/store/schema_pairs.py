"""The tables of pairs from format 3 on.

A decision rewrites the page that its row is on. So the texts are in tables of
their own: a million decisions write some MB, and a search reads nothing but
what it looks for.

    pairs            numbers and the decision     pair_texts      messages and where they come from
    pair_words       folded text, for searching   pair_originals  all of it before the first edit
    pair_flags       flag and reason              stand_ins       the near-duplicates it stands for
    pair_totals      counts, kept by every write  dropped         what did not become a pair
    journal          one row an undoable step     journal_rows    what a step changed
    recipe_due       rules that the recipe's file has to get, or to lose
    kept             pairs that stay although the last preparation did not make them, and why it did not
    recipe_texts     the recipe before and after a step that saved it

`journal_rows.before` and `.after` are a decision's number, or an edit's fields
as JSON, flags among them; `decided` is when the decision before was made. The functions
`search_text` and `fold` are Python's (`ftui.store.pair`, `ftui.store.folding`).
"""

from __future__ import annotations

NARROW = """
    DROP INDEX pairs_by_decision;
    DROP INDEX pairs_by_fact;
    ALTER TABLE pairs RENAME TO old_pairs;
    CREATE TABLE pairs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source INTEGER,
        record INTEGER,
        kind TEXT NOT NULL DEFAULT 'domain',
        tokens INTEGER NOT NULL DEFAULT 0,
        risk REAL NOT NULL DEFAULT 0,
        stands_for INTEGER NOT NULL DEFAULT 0,
        decision INTEGER NOT NULL DEFAULT 0,
        edited INTEGER NOT NULL DEFAULT 0,
        decided REAL
    );
    INSERT INTO pairs SELECT id, source, record, kind, tokens, 0, 0, decision, edited,
        CASE WHEN decision THEN decided END FROM old_pairs ORDER BY id;
    CREATE INDEX pairs_by_decision ON pairs(decision, id);
    CREATE INDEX pairs_by_time ON pairs(decided) WHERE decided IS NOT NULL;
    CREATE TABLE pair_texts (
        pair INTEGER PRIMARY KEY,
        url TEXT NOT NULL,
        fact TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        messages TEXT NOT NULL,
        origin TEXT NOT NULL
    );
    INSERT INTO pair_texts SELECT id, url, fact, digest, messages, origin FROM old_pairs ORDER BY id;
    CREATE INDEX pair_texts_by_fact ON pair_texts(fact);
    CREATE TABLE pair_words (pair INTEGER PRIMARY KEY, text TEXT NOT NULL);
    INSERT INTO pair_words SELECT id, search_text(messages) FROM old_pairs ORDER BY id;
    CREATE TABLE pair_originals (pair INTEGER PRIMARY KEY, messages TEXT NOT NULL, tokens INTEGER NOT NULL);
    CREATE TABLE pair_flags (
        pair INTEGER NOT NULL,
        flag TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (pair, flag)
    ) WITHOUT ROWID;
    CREATE INDEX pair_flags_by_flag ON pair_flags(flag, pair);
    CREATE TABLE stand_ins (
        id INTEGER PRIMARY KEY,
        pair INTEGER NOT NULL,
        record INTEGER,
        url TEXT NOT NULL,
        question TEXT NOT NULL,
        similarity REAL NOT NULL
    );
    CREATE INDEX stand_ins_by_pair ON stand_ins(pair);
    CREATE TABLE pair_totals (
        decision INTEGER PRIMARY KEY,
        pairs INTEGER NOT NULL,
        tokens INTEGER NOT NULL
    );
    INSERT INTO pair_totals VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0);
    INSERT OR REPLACE INTO pair_totals SELECT decision, count(*), sum(tokens) FROM pairs GROUP BY decision;
    DROP TABLE old_pairs;

    DROP INDEX dropped_by_reason;
    ALTER TABLE dropped ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE dropped ADD COLUMN source INTEGER;
    ALTER TABLE dropped ADD COLUMN text TEXT NOT NULL DEFAULT '';
    ALTER TABLE dropped ADD COLUMN words TEXT NOT NULL DEFAULT '';
    UPDATE dropped SET words = fold(detail);
    CREATE INDEX dropped_by_reason ON dropped(run, reason);

    ALTER TABLE journal RENAME TO old_journal;
    ALTER TABLE journal_rows RENAME TO old_journal_rows;
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        time REAL NOT NULL,
        size INTEGER NOT NULL,
        state INTEGER NOT NULL,
        place INTEGER NOT NULL DEFAULT 0,
        owner TEXT NOT NULL DEFAULT '',
        beat REAL NOT NULL DEFAULT 0
    );
    CREATE INDEX journal_by_state ON journal(state, id);
    CREATE INDEX journal_by_time ON journal(time);
    CREATE TABLE journal_rows (
        batch INTEGER NOT NULL,
        pair INTEGER NOT NULL,
        before NOT NULL,
        after NOT NULL,
        decided REAL,
        PRIMARY KEY (batch, pair)
    ) WITHOUT ROWID;
    INSERT INTO journal (id, label, time, size, state) SELECT id, label, time,
        (SELECT count(*) FROM old_journal_rows WHERE batch = old_journal.id), undone FROM old_journal;
    INSERT INTO journal_rows SELECT batch, pair,
        coalesce(json_extract(before, '$.decision'), before), coalesce(json_extract(after, '$.decision'), after), NULL
        FROM old_journal_rows;
    INSERT OR IGNORE INTO pair_originals
        SELECT pair, json_extract(before, '$.messages'), coalesce(json_extract(before, '$.tokens'), pairs.tokens)
        FROM old_journal_rows JOIN pairs ON pairs.id = pair
        WHERE json_extract(before, '$.edited') = 0 ORDER BY batch;
    DROP TABLE old_journal_rows;
    DROP TABLE old_journal;
"""

UNREAD = """
    ALTER TABLE journal ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
"""
"""A step over all that a filter shows says so: nobody has read its pairs one by one, however few they are."""

FLAGS_OF_ORIGINALS = """
    ALTER TABLE pair_originals ADD COLUMN flags TEXT;
    ALTER TABLE pair_originals ADD COLUMN risk REAL;
"""
"""An edit gives a pair other flags. NULL: it was edited before that, and has those that it was made with."""

RULES_OF_STEPS = """
    ALTER TABLE journal ADD COLUMN rule TEXT NOT NULL DEFAULT '';
    ALTER TABLE journal ADD COLUMN said TEXT NOT NULL DEFAULT '';
    UPDATE journal SET rule = substr(label, length('rule declined: ') + 1), said = 'declined'
        WHERE size = 0 AND label LIKE 'rule declined: %';
    UPDATE journal SET rule = substr(label, length('rule put into the recipe: ') + 1), said = 'in recipe'
        WHERE size = 0 AND label LIKE 'rule put into the recipe: %';
    UPDATE meta SET value = (
        SELECT json_group_object(each.key, each.value) FROM json_each(meta.value) each
        WHERE each.key NOT IN (SELECT rule FROM journal WHERE rule <> '')
    ) WHERE key = 'rules';
    CREATE INDEX journal_by_rule ON journal(rule, id) WHERE rule <> '';
    CREATE TABLE recipe_due (rule TEXT PRIMARY KEY, wanted INTEGER NOT NULL);
"""
"""What was said to a rule is so as long as its step is done: undo and redo need to see to nothing more."""

KEPT = """
    CREATE TABLE kept (pair INTEGER PRIMARY KEY, record INTEGER, why TEXT NOT NULL);
    CREATE INDEX kept_by_record ON kept(record);
"""
"""Filled by the next preparation."""

RECIPE_TEXTS = """
    CREATE TABLE recipe_texts (
        batch INTEGER PRIMARY KEY REFERENCES journal(id) ON DELETE CASCADE,
        before TEXT NOT NULL,
        after TEXT NOT NULL
    );
"""

STANDING = """
    ALTER TABLE dropped ADD COLUMN same TEXT NOT NULL DEFAULT '';
    ALTER TABLE dropped ADD COLUMN alike REAL;
    ALTER TABLE stand_ins ADD COLUMN source INTEGER;
"""
"""Which pair stands for a duplicate, by its digest: its number is not known before all are made."""
