#!/usr/bin/env node
// Writes the model as ONNX Runtime folds it itself, for `bnfold check` against another tool's result.
//
// usage: ort_fold.js MODEL OUT [--level=basic]        needs the package onnxruntime-node (NODE_PATH)
'use strict';

async function main(argv) {
    const files = argv.filter((arg) => !arg.startsWith('--'));
    const level = (argv.find((arg) => arg.startsWith('--level=')) || '--level=basic').slice(8);
    if (files.length !== 2) {
        console.error('usage: ort_fold.js MODEL OUT [--level=basic]');
        return 2;
    }
    const ort = require('onnxruntime-node');
    const session = await ort.InferenceSession.create(files[0], {
        graphOptimizationLevel: level,
        optimizedModelFilePath: files[1],
        executionProviders: ['cpu'],
        logSeverityLevel: 3,
    });
    await session.release();
    return 0;
}

main(process.argv.slice(2)).then(
    (status) => { process.exitCode = status; },
    (error) => { console.error(`ort_fold.js: ${error.message}`); process.exitCode = 2; });
