"""Holds findings against the schemas of those who take them.

usage: findings.py asff|ocsf FILE
ASFF by the model of BatchImportFindings in AWS's own SDK; OCSF by the schema of its version, as JSON Schema on standard output.
"""

import json
import sys

kind, file = sys.argv[1:]
with open(file, encoding="utf-8") as text:
    findings = json.load(text)

if kind == "asff":
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("securityhub")
    shape = model.operation_model("BatchImportFindings").input_shape
    known = set(model.shape_for("AwsSecurityFinding").members)
    for start in range(0, len(findings), 100):
        batch = findings[start : start + 100]
        report = ParamValidator().validate({"Findings": batch}, shape)
        assert not report.has_errors(), report.generate_report()
        for finding in batch:
            assert set(finding) <= known, set(finding) - known
            assert len(finding["AwsAccountId"]) == 12, finding["AwsAccountId"]
            assert len(json.dumps(finding)) < 240_000
            assert 0 < len(finding["Title"]) <= 256 and 0 < len(finding["Description"]) <= 1024
            assert len(finding["Remediation"]["Recommendation"]["Text"]) <= 512
            assert len(finding["ProductFields"]) <= 50
    print(json.dumps({"findings": len(findings)}))
else:
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    versions = {finding["metadata"]["version"] for finding in findings} or {"1.6.0"}
    assert len(versions) == 1, versions
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(versions.pop()))
    print(json.dumps(schema.get_class_schema("compliance_finding", ["cloud"])))
