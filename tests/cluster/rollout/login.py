"""Who asks the cluster by a plugin of the kubeconfig that prints a token; the token can be taken back at any time: it is
bound to a Secret, and the API server refuses it when that is gone."""
import json
import os

from project import NAMESPACE, api

JSON = ("-H", "Content-Type: application/json", "-d")
RENEW = "#!/bin/sh\necho asked >> {folder}/asked\nexec cat {folder}/credential.json\n"


class Login:
    def __init__(self, folder, name):
        name += "-driver"  # a ServiceAccount of the model's own name is there
        self.folder, self.name, self.given = folder, name, 0
        folder.mkdir()
        api(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", *JSON, json.dumps({"metadata": {"name": name}}))
        api("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", *JSON, json.dumps({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]}))
        (folder / "plugin").write_text(RENEW.format(folder=folder))
        (folder / "plugin").chmod(0o755)
        config = json.loads(open(os.environ["KUBECONFIG"]).read())
        config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                                               "command": str(folder / "plugin")}}
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(config))
        self.renew()

    def asked(self):
        """How often mlctl has run the plugin."""
        return len((self.folder / "asked").read_text().split())

    def renew(self):
        """From now on the plugin gives another token."""
        self.given += 1
        secret = f"{self.name}-{self.given}"
        api(f"/api/v1/namespaces/{NAMESPACE}/secrets", *JSON, json.dumps({"metadata": {"name": secret}}))
        answer = api(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{self.name}/token", *JSON, json.dumps(
            {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": secret}}}))
        (self.folder / "credential.json").write_text(json.dumps({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {"token": json.loads(answer)["status"]["token"]}}))

    def revoke(self, number):
        api(f"/api/v1/namespaces/{NAMESPACE}/secrets/{self.name}-{number}", "-X", "DELETE")

    def lose(self):
        """The plugin has nothing to give any more."""
        (self.folder / "credential.json").unlink()
