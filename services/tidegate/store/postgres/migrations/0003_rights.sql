-- Who may do what. Nobody but the owner may anything that does not stand here.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tidegate FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tidegate FROM PUBLIC;

GRANT USAGE ON SCHEMA tidegate TO tidegate_provisioner, tidegate_hub, tidegate_egress, tidegate_governance;

-- Each service appends to its own chain. Governance, who verifies the ledger, reads all of them.
GRANT SELECT, INSERT ON tidegate.ledger TO tidegate_provisioner, tidegate_hub, tidegate_egress, tidegate_governance;
GRANT SELECT ON tidegate.heads TO tidegate_provisioner, tidegate_governance;
ALTER TABLE tidegate.ledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY provisioner ON tidegate.ledger TO tidegate_provisioner
    USING (chain = 'provisioner') WITH CHECK (chain = 'provisioner');
CREATE POLICY hub ON tidegate.ledger TO tidegate_hub
    USING (chain = 'workspace') WITH CHECK (chain = 'workspace');
CREATE POLICY egress ON tidegate.ledger TO tidegate_egress
    USING (chain = 'egress') WITH CHECK (chain = 'egress');
CREATE POLICY governance_reads ON tidegate.ledger FOR SELECT TO tidegate_governance USING (true);
CREATE POLICY governance_writes ON tidegate.ledger FOR INSERT TO tidegate_governance
    WITH CHECK (chain = 'governance');

-- Those who write to Kubernetes keep intents; only a controller under a Lease is fenced.
GRANT SELECT, INSERT, DELETE ON tidegate.intents TO tidegate_provisioner, tidegate_governance;
ALTER TABLE tidegate.intents ENABLE ROW LEVEL SECURITY;
CREATE POLICY provisioner ON tidegate.intents TO tidegate_provisioner
    USING (chain = 'provisioner') WITH CHECK (chain = 'provisioner');
CREATE POLICY governance ON tidegate.intents TO tidegate_governance
    USING (chain = 'governance') WITH CHECK (chain = 'governance');
GRANT SELECT, INSERT, UPDATE ON tidegate.fences TO tidegate_provisioner;
ALTER TABLE tidegate.fences ENABLE ROW LEVEL SECURITY;
CREATE POLICY provisioner ON tidegate.fences TO tidegate_provisioner
    USING (chain = 'provisioner') WITH CHECK (chain = 'provisioner');

-- The hub checks passwords and renews a hash at log-in; the review only asks whether somebody's account is open.
GRANT SELECT, INSERT, UPDATE ON tidegate.accounts TO tidegate_governance;
GRANT SELECT, UPDATE ON tidegate.accounts TO tidegate_hub;
GRANT SELECT (subject, issuer, display_name, disabled) ON tidegate.accounts TO tidegate_egress;

-- Two services keep tables of their own, each in a schema only it may use.
CREATE SCHEMA IF NOT EXISTS jupyterhub;
CREATE SCHEMA IF NOT EXISTS egress;
GRANT USAGE, CREATE ON SCHEMA jupyterhub TO tidegate_hub;
GRANT USAGE, CREATE ON SCHEMA egress TO tidegate_egress;
