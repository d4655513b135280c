#!/usr/bin/env python3
"""Stands in for the AWS CLI's `aws iam` and `aws sts` of the scripts that leastwise writes: the same calls through boto3."""

import sys

import boto3

service, operation, *rest = sys.argv[1:]
arguments = {}
while rest:
    option, value, *rest = rest
    name = "".join(part.capitalize() for part in option.removeprefix("--").split("-"))
    if name not in ("Query", "Output"):
        arguments[name.replace("PolicyArn", "PolicyArn")] = value
answer = getattr(boto3.client(service, region_name="us-east-1"), operation.replace("-", "_"))(**arguments)
if operation == "get-caller-identity":
    print(answer["Account"])
