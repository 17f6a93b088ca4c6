#!/usr/bin/env python3
"""Judges rendered manifests: kubernetes.py FILE. Kinds of Kubernetes by the schemas of five versions, in which an unknown
field is a fault (`pip install kubernetes-validate`). Kinds of operators by their CustomResourceDefinitions, if BALLET_CRDS
names a folder with them."""

import glob
import os
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]
CORE = ["v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1"]


def strict(schema):
    """Refuses fields that are not declared, as `kubectl apply` does."""
    if isinstance(schema, list):
        for part in schema:
            strict(part)
    elif isinstance(schema, dict):
        closed = "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields")
        if closed and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            strict(part)


def definitions(folder):
    found = {}
    for file in glob.glob(f"{folder}/*.yaml"):
        with open(file) as text:
            spec = yaml.safe_load(text)["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            strict(schema)
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


schemas = definitions(os.environ["BALLET_CRDS"]) if "BALLET_CRDS" in os.environ else {}
faults, judged = [], 0
with open(sys.argv[1]) as text:
    objects = [one for one in yaml.safe_load_all(text) if one]
for one in objects:
    kind = one["apiVersion"], one["kind"]
    try:
        if kind in schemas:
            jsonschema.validate(one, schemas[kind])
        elif one["apiVersion"] in CORE:
            for version in VERSIONS:
                kubernetes_validate.validate(one, version, strict=True)
        else:
            continue
        judged += 1
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        faults.append(f"{one['kind']} {one['metadata']['name']}: {error.message}")
print(*faults, f"{judged} of {len(objects)} objects judged, {len(faults)} faults", sep="\n")
sys.exit(1 if faults or not judged else 0)
