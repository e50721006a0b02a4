-- The ledger of all services, one chain each: what is written stays, and each service writes its own chain only.

CREATE TABLE tidegate.ledger (
    chain text NOT NULL,
    seq bigint NOT NULL,
    at text NOT NULL,
    previous text NOT NULL,
    record text NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (chain, seq)
);

CREATE FUNCTION tidegate.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON tidegate.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION tidegate.refuse_change();
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON tidegate.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION tidegate.refuse_change();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON tidegate.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION tidegate.refuse_change();
-- Not even a session that leaves ordinary triggers out.
ALTER TABLE tidegate.ledger ENABLE ALWAYS TRIGGER ledger_no_update;
ALTER TABLE tidegate.ledger ENABLE ALWAYS TRIGGER ledger_no_delete;
ALTER TABLE tidegate.ledger ENABLE ALWAYS TRIGGER ledger_no_truncate;

-- A row goes to the end of its chain and names the row before it; the lock is the one appenders take before they read.
CREATE FUNCTION tidegate.append_in_order() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tidegate.ledger.' || NEW.chain));
    SELECT seq, digest INTO last FROM tidegate.ledger WHERE chain = NEW.chain ORDER BY seq DESC LIMIT 1;
    IF NEW.seq IS DISTINCT FROM coalesce(last.seq, 0) + 1
        OR NEW.previous IS DISTINCT FROM coalesce(last.digest, repeat('0', 64)) THEN
        RAISE EXCEPTION 'entry % does not follow the end of chain %', NEW.seq, NEW.chain
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_in_order BEFORE INSERT ON tidegate.ledger
    FOR EACH ROW EXECUTE FUNCTION tidegate.append_in_order();
ALTER TABLE tidegate.ledger ENABLE ALWAYS TRIGGER ledger_in_order;

-- Writes to Kubernetes that were begun: a row stands from the intent until the outcome is in the ledger.
CREATE TABLE tidegate.intents (
    chain text NOT NULL,
    seq bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (chain, seq),
    FOREIGN KEY (chain, seq) REFERENCES tidegate.ledger (chain, seq)
);

-- The highest number of a Lease seen with an intent; a paused leader comes back with a lower one.
CREATE TABLE tidegate.fences (
    chain text PRIMARY KEY,
    token bigint NOT NULL
);

CREATE FUNCTION tidegate.only_up() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NEW.token < OLD.token OR NEW.chain <> OLD.chain THEN
        RAISE EXCEPTION 'a fence only goes up' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER fences_only_up BEFORE UPDATE ON tidegate.fences
    FOR EACH ROW EXECUTE FUNCTION tidegate.only_up();

-- What one service may know of the others' chains: where they end. (A view reads as its owner.)
CREATE VIEW tidegate.heads AS
    SELECT DISTINCT ON (chain) chain, seq, digest FROM tidegate.ledger ORDER BY chain, seq DESC;
