#!/bin/bash
# Makes the Secrets that my_system needs and a namespace does not have yet, with new passwords:
#   deploy/kubernetes/secrets.sh my-system
# The gateway's key set is another, unless it is your identity provider's:
#   ballet-gateway keys keys && kubectl create secret generic gateway-keys --from-file=keys/jwks.json
# A vault that makes them instead gives each the same keys and labels. Passwords are of letters and digits, since URLs contain them.
set -euo pipefail
kubectl="kubectl --namespace ${1:?a namespace}"
new() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
for name in BALLET_USERS; do
    secret=${name//_/-}-credentials
    $kubectl get secret "$secret" >/dev/null 2>&1 ||
        $kubectl create secret generic "$secret" --type kubernetes.io/basic-auth --from-literal username="$name" \
            --from-literal password="$(new)" --from-literal GATEWAY_SECRET="$(new)"
    # Without them the operators read no Secret, or see no new password.
    $kubectl label secret "$secret" --overwrite rabbitmq.com/topology-operator=true cnpg.io/reload=true
done
