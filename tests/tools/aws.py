#!/usr/bin/env python3
"""Stands in for the AWS CLI's `aws iam` and `aws sts` of the scripts that leastwise writes: the same calls through boto3."""

import json
import sys

import boto3
import jmespath

service, operation, *rest = sys.argv[1:]
arguments, shown = {}, {}
while rest:
    option, value, *rest = rest
    if option in ("--query", "--output"):
        shown[option] = value
        continue
    if value.startswith("file://"):
        with open(value.removeprefix("file://"), encoding="utf-8") as file:
            value = file.read()
    name = "".join(part.capitalize() for part in option.removeprefix("--").split("-"))
    if name == "Tags":
        value = json.loads(value)
    elif name == "MaxSessionDuration":
        value = int(value)
    arguments[name] = value
client = boto3.client(service, region_name="us-east-1")
try:
    answer = getattr(client, operation.replace("-", "_"))(**arguments)
except client.exceptions.ClientError as error:
    sys.exit(str(error))
answer.pop("ResponseMetadata", None)
if "--query" in shown:
    answer = jmespath.search(shown["--query"], answer)
if shown.get("--output") == "text":
    # Lists stand on one line with tabs between, and nothing is None.
    if isinstance(answer, list):
        print("\t".join(str(one) for one in answer))
    else:
        print("None" if answer is None else answer)
elif answer or "--query" in shown:
    print(json.dumps(answer, default=str))
