// Runs TypeScript that leastwise wrote and prints the policies it declares as JSON.
//
// usage: NODE_PATH=…/node_modules node typescript.cjs cdk|pulumi FILE.ts
//
// A CDK stack is checked by the TypeScript compiler against the CDK's own types, then synthesized by the CDK itself. A Pulumi
// program is compiled and run against a stand-in that records what is declared, for the real package needs an engine.
"use strict";
const fs = require("fs");
const path = require("path");
const Module = require("module");
const ts = require("typescript");

const [kind, file] = process.argv.slice(2);
const modules = process.env.NODE_PATH;

function load(stand_ins) {
    const { outputText } = ts.transpileModule(fs.readFileSync(file, "utf8"), {
        compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
        reportDiagnostics: true,
    });
    const module = new Module(file);
    module.paths = [modules];
    const load = module.require.bind(module);
    module.require = (name) => stand_ins[name] ?? load(name);
    module._compile(outputText, path.resolve(file));
    return module.exports;
}

if (kind === "cdk") {
    const program = ts.createProgram([file], {
        noEmit: true,
        strict: true,
        skipLibCheck: true,
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.CommonJS,
        types: [],
        baseUrl: modules,
        paths: { "*": ["*"] },
    });
    const problems = ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
    if (problems.length > 0) {
        console.error(problems.join("\n"));
        process.exit(1);
    }
    const cdk = require("aws-cdk-lib");
    const exported = load({});
    const app = new cdk.App();
    const templates = Object.entries(exported)
        .filter(([name]) => name.startsWith("RightSized"))
        .map(([name, Stack]) => new Stack(app, name).stackName);
    const assembly = app.synth();
    const found = templates.map((name) => assembly.getStackByName(name).template);
    console.log(JSON.stringify({ templates: found, trust: exported.trustPolicies ?? {} }));
} else {
    const declared = [];
    const resource = (type) =>
        class {
            constructor(name, inputs, options) {
                this.arn = `arn-of:${name}`;
                declared.push({ type, name, inputs, options: options ?? {} });
            }
        };
    const iam = {};
    for (const type of ["RolePolicy", "Policy", "RolePolicyAttachment"]) iam[type] = resource(type);
    const exported = load({ "@pulumi/aws": { iam } });
    console.log(JSON.stringify({ declared, exported }));
}
