"""Reads Terraform with python-hcl2 and prints the policies it declares as JSON: {"NAME": {"role", "name", "document"}}.

An `aws_iam_policy_document` is turned into the document the provider would make of it. Trust policies are outputs.
"""

import json
import re
import sys

import hcl2


def text(quoted):
    """The string behind a quoted literal that interpolates nothing."""
    assert quoted.startswith('"') and quoted.endswith('"'), quoted
    inner = quoted[1:-1]
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", inner), f"interpolates: {inner}"
    inner = re.sub(r"\\U([0-9a-fA-F]{8})", lambda m: chr(int(m.group(1), 16)), inner)
    return json.loads(f'"{inner}"').replace("$${", "${").replace("%%{", "%{")


def plain(value):
    if isinstance(value, dict):
        return {text(k) if k.startswith('"') else k: plain(v) for k, v in value.items() if not k.startswith("__")}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, str) and re.fullmatch(r'"\$\{[\w.]+\}"', value):
        return value[1:-1]  # a string that is one reference is that reference
    if isinstance(value, str) and value.startswith('"'):
        return text(value)
    return value


def blocks(parsed, kind):
    found = {}
    for block in parsed.get(kind, []):
        for label, named in block.items():
            if label.startswith("__"):
                continue
            if kind in ("output",):
                found[text(label)] = plain(named)
                continue
            for name, body in named.items():
                if not name.startswith("__"):
                    found[(text(label), text(name))] = plain(body)
    return found


def document(body):
    statements = []
    for block in body.get("statement", []):
        statement = {}
        for argument, element in [
            ("sid", "Sid"),
            ("effect", "Effect"),
            ("actions", "Action"),
            ("not_actions", "NotAction"),
            ("resources", "Resource"),
            ("not_resources", "NotResource"),
        ]:
            if argument in block:
                statement[element] = block[argument]
        for argument, element in [("principals", "Principal"), ("not_principals", "NotPrincipal")]:
            for principal in block.get(argument, []):
                if principal["type"] == "*":
                    statement[element] = "*"
                else:
                    statement.setdefault(element, {})[principal["type"]] = principal["identifiers"]
        for condition in block.get("condition", []):
            keys = statement.setdefault("Condition", {}).setdefault(condition["test"], {})
            assert condition["variable"] not in keys, "the provider would merge these"
            keys[condition["variable"]] = condition["values"]
        statements.append(statement)
    return {"Version": body.get("version", "2012-10-17"), "Statement": statements}


def expression(source, documents):
    reference = re.fullmatch(r"\$\{data\.aws_iam_policy_document\.(\w+)\.json\}", source)
    if reference:
        return documents[reference.group(1)]
    encoded = re.fullmatch(r"\$\{jsonencode\((.*)\)\}", source, re.S)
    return plain(hcl2.loads(f"x = {encoded.group(1)}\n")["x"])


with open(sys.argv[1], encoding="utf-8") as file:
    parsed = hcl2.load(file)
data = blocks(parsed, "data")
documents = {name: document(body) for (kind, name), body in data.items() if kind == "aws_iam_policy_document"}
policies = {}
resources = blocks(parsed, "resource")
for (kind, name), body in resources.items():
    if kind == "aws_iam_role_policy":
        policies[name] = {"role": body["role"], "name": body["name"], "document": expression(body["policy"], documents)}
    elif kind == "aws_iam_policy":
        attachment = resources[("aws_iam_role_policy_attachment", name)]
        assert attachment["policy_arn"] == "${aws_iam_policy.%s.arn}" % name
        policies[name] = {"role": attachment["role"], "name": body["name"], "document": expression(body["policy"], documents)}
for name, body in blocks(parsed, "output").items():
    policies[name] = {"role": None, "name": "trust", "document": expression(body["value"], documents)}
imports = [plain(block) for block in parsed.get("import", [])]
json.dump({"policies": policies, "imports": [i["id"] for i in imports]}, sys.stdout)
