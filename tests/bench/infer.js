#!/usr/bin/env node
// ONNX Runtime's side of infer.py: the same protocol as infer.c.
//
// usage: infer.js MODEL LEVEL THREADS      LEVEL: disabled, basic, extended, all
//
// onnxruntime-node is found through NODE_PATH. Answers "ready" after an inference that does not count; then each line
// read is a number of inferences to run, answered by one line of their milliseconds.
'use strict';

const readline = require('readline');

async function main([model, level, threads]) {
    const ort = require('onnxruntime-node');
    const session = await ort.InferenceSession.create(model, {
        graphOptimizationLevel: level,
        executionProviders: ['cpu'],
        intraOpNumThreads: Number(threads),
        logSeverityLevel: 3,
    });
    const feeds = {};
    for (const input of session.inputMetadata) {
        const dims = input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
        const count = dims.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: count }, (_, i) => Math.sin((i % 100003) * 12.9898) * 1.7);
        feeds[input.name] = new ort.Tensor('float32', data, dims);
    }
    const infer = async () => {
        const begin = process.hrtime.bigint();
        await session.run(feeds);
        return Number(process.hrtime.bigint() - begin) / 1e6;
    };
    await infer();
    console.log('ready');
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const times = [];
        for (let i = 0; i < Number(line); i++) {
            times.push((await infer()).toFixed(3));
        }
        console.log(times.join(' '));
    }
}

main(process.argv.slice(2)).catch((error) => {
    console.error(`infer.js: ${error.message}`);
    process.exitCode = 2;
});
