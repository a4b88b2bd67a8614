"""The tables of a project, as numbered migrations.

`project.db` holds what a person made, `records.db` (attached as `bulk`) what
came from the sources and can be collected again. A file's `user_version` is the
number of migrations it has been through. A migration is never edited once it
has been released: a new one is added at the end.
"""

from __future__ import annotations

from ftui.store import schema_pairs

PROJECT: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE sources (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        config TEXT NOT NULL,
        tag TEXT NOT NULL DEFAULT 'domain',
        created REAL NOT NULL
    );

    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        args TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued',
        control TEXT,
        checkpoint TEXT NOT NULL DEFAULT '{}',
        progress TEXT NOT NULL DEFAULT '{}',
        result TEXT,
        error TEXT,
        source INTEGER REFERENCES sources(id) ON DELETE SET NULL,
        created REAL NOT NULL,
        started REAL,
        finished REAL
    );
    CREATE INDEX tasks_by_state ON tasks(state, id);
    CREATE TABLE task_log (
        id INTEGER PRIMARY KEY,
        task INTEGER NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
        time REAL NOT NULL,
        level TEXT NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX task_log_by_task ON task_log(task, id);
    CREATE TABLE failures (
        id INTEGER PRIMARY KEY,
        task INTEGER NOT NULL REFERENCES tasks(id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        subject TEXT NOT NULL
    );
    CREATE UNIQUE INDEX failures_by_task ON failures(task, kind, reason, subject);

    CREATE TABLE lease (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process_start TEXT NOT NULL,
        version TEXT NOT NULL,
        environment TEXT NOT NULL,
        heartbeat REAL NOT NULL
    );

    CREATE TABLE pairs (
        id INTEGER PRIMARY KEY,
        source INTEGER,
        record INTEGER,
        url TEXT NOT NULL DEFAULT '',
        fact TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL DEFAULT 'domain',
        messages TEXT NOT NULL,
        origin TEXT NOT NULL DEFAULT '{}',
        digest TEXT NOT NULL UNIQUE,
        tokens INTEGER NOT NULL DEFAULT 0,
        decision INTEGER NOT NULL DEFAULT 0,
        edited INTEGER NOT NULL DEFAULT 0,
        decided REAL
    );
    CREATE INDEX pairs_by_decision ON pairs(decision, id);
    CREATE INDEX pairs_by_fact ON pairs(fact, id);
    CREATE TABLE dropped (
        id INTEGER PRIMARY KEY,
        record INTEGER,
        url TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX dropped_by_reason ON dropped(reason);

    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        time REAL NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE journal_rows (
        batch INTEGER NOT NULL REFERENCES journal(id) ON DELETE CASCADE,
        pair INTEGER NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        PRIMARY KEY (batch, pair)
    ) WITHOUT ROWID;

    CREATE TABLE versions (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        train_rows INTEGER NOT NULL,
        validation_rows INTEGER NOT NULL,
        train_tokens INTEGER NOT NULL,
        system TEXT NOT NULL DEFAULT '',
        recipe TEXT NOT NULL,
        created REAL NOT NULL
    );
    CREATE TABLE questions (
        id INTEGER PRIMARY KEY,
        version INTEGER REFERENCES versions(id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        question TEXT NOT NULL,
        expected TEXT NOT NULL,
        keys TEXT NOT NULL
    );

    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        tag TEXT NOT NULL UNIQUE,
        provider TEXT NOT NULL,
        base_url TEXT NOT NULL,
        base_model TEXT NOT NULL,
        version INTEGER REFERENCES versions(id),
        hyperparameters TEXT NOT NULL DEFAULT '{}',
        cost_at_most REAL,
        remote TEXT,
        state TEXT NOT NULL DEFAULT 'new',
        step INTEGER,
        total_steps INTEGER,
        trained_tokens INTEGER,
        estimated_finish REAL,
        fine_tuned_model TEXT,
        error TEXT,
        created REAL NOT NULL,
        submitted REAL,
        finished REAL
    );
    CREATE TABLE job_events (
        job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        time REAL NOT NULL,
        level TEXT NOT NULL,
        type TEXT NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (job, id)
    ) WITHOUT ROWID;
    CREATE TABLE job_metrics (
        job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
        step INTEGER NOT NULL,
        train_loss REAL,
        valid_loss REAL,
        train_accuracy REAL,
        valid_accuracy REAL,
        PRIMARY KEY (job, step)
    ) WITHOUT ROWID;

    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        job INTEGER REFERENCES jobs(id),
        provider TEXT NOT NULL,
        base_url TEXT NOT NULL,
        model TEXT NOT NULL,
        base_model TEXT NOT NULL,
        system TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        UNIQUE (base_url, model)
    );
    CREATE TABLE alias_moves (
        id INTEGER PRIMARY KEY,
        alias TEXT NOT NULL,
        model INTEGER REFERENCES models(id),
        time REAL NOT NULL
    );

    CREATE TABLE chats (
        id INTEGER PRIMARY KEY,
        title TEXT NOT NULL,
        system TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL
    );
    CREATE TABLE chat_messages (
        id INTEGER PRIMARY KEY,
        chat INTEGER NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        speaker TEXT NOT NULL DEFAULT '',
        content TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'done',
        tokens INTEGER,
        seconds REAL,
        time REAL NOT NULL
    );
    CREATE INDEX chat_messages_by_chat ON chat_messages(chat, id);

    CREATE TABLE comparisons (
        id INTEGER PRIMARY KEY,
        model INTEGER NOT NULL REFERENCES models(id),
        created REAL NOT NULL
    );
    CREATE TABLE answers (
        comparison INTEGER NOT NULL REFERENCES comparisons(id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL,
        question TEXT NOT NULL,
        expected TEXT NOT NULL,
        keys TEXT NOT NULL,
        base_answer TEXT,
        tuned_answer TEXT,
        base_found INTEGER,
        tuned_found INTEGER,
        PRIMARY KEY (comparison, number)
    ) WITHOUT ROWID;

    CREATE TABLE spending (
        id INTEGER PRIMARY KEY,
        time REAL NOT NULL,
        what TEXT NOT NULL,
        reference TEXT NOT NULL UNIQUE,
        at_most REAL NOT NULL,
        actual REAL
    );
    """,
    """
    ALTER TABLE tasks ADD COLUMN done_before INTEGER NOT NULL DEFAULT 0;
    """,
    schema_pairs.NARROW,
    schema_pairs.UNREAD,
    schema_pairs.FLAGS_OF_ORIGINALS,
    schema_pairs.RULES_OF_STEPS,
    # The number of a source is never given again: pairs outlive their source.
    """
    INSERT INTO meta SELECT 'last source', max(
        coalesce((SELECT max(id) FROM sources), 0),
        coalesce((SELECT max(source) FROM pairs), 0),
        coalesce((SELECT max(source) FROM dropped), 0)
    );
    """,
    schema_pairs.KEPT,
    schema_pairs.STANDING,
    schema_pairs.RECIPE_TEXTS,
)

BULK: tuple[str, ...] = (
    """
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        source INTEGER NOT NULL,
        key TEXT NOT NULL,
        url TEXT NOT NULL,
        title TEXT NOT NULL,
        data TEXT NOT NULL,
        time REAL NOT NULL,
        UNIQUE (source, key)
    );
    """,
    """
    ALTER TABLE records ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX records_by_source ON records(source, id);
    CREATE TABLE totals (source INTEGER PRIMARY KEY, records INTEGER NOT NULL);
    INSERT INTO totals SELECT source, count(*) FROM records GROUP BY source;
    CREATE TABLE ledger (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, entry TEXT NOT NULL);
    CREATE INDEX ledger_by_task ON ledger(task, id);
    """,
)
