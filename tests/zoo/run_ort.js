#!/usr/bin/env node
// Runs two models in ONNX Runtime on the same seeded inputs and prints how far their outputs are apart.
//
// usage: run_ort.js REF NEW [--seed=N] [--samples=N] [--ref-level=L] [--new-level=L] [--threads=N]
//                           [--ort=DIR]
//
// Levels are ONNX Runtime's (disabled, basic, extended, all); 'disabled' by default. onnxruntime-node is
// found through NODE_PATH, or in the node_modules folder given as --ort. Dynamic dimensions become 2.
'use strict';

const path = require('path');

const DEFAULTS = {
    seed: '1', samples: '1', 'ref-level': 'disabled', 'new-level': 'disabled', threads: '1', ort: '',
};

function parse(argv) {
    const options = { ...DEFAULTS };
    const files = [];
    for (const arg of argv) {
        const match = /^--([a-z-]+)=(.*)$/.exec(arg);
        if (match && match[1] in options) {
            options[match[1]] = match[2];
        } else if (arg.startsWith('-')) {
            throw new Error(`unknown option '${arg}'`);
        } else {
            files.push(arg);
        }
    }
    if (files.length !== 2) {
        throw new Error(`two models expected, ${files.length} given`);
    }
    return { files, options };
}

// mulberry32: a 32-bit generator that is the same everywhere
function generator(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

function normal(uniform) {
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const FILLERS = {
    float32: (n, rng) => Float32Array.from({ length: n }, () => normal(rng)),
    float64: (n, rng) => Float64Array.from({ length: n }, () => normal(rng)),
    int64: (n, rng) => BigInt64Array.from({ length: n }, () => BigInt(Math.floor(rng() * 10))),
    int32: (n, rng) => Int32Array.from({ length: n }, () => Math.floor(rng() * 10)),
    uint8: (n, rng) => Uint8Array.from({ length: n }, () => Math.floor(rng() * 10)),
    int8: (n, rng) => Int8Array.from({ length: n }, () => Math.floor(rng() * 10)),
    bool: (n, rng) => Uint8Array.from({ length: n }, () => (rng() < 0.5 ? 0 : 1)),
};

function makeFeeds(ort, session, seed) {
    const rng = generator(seed);
    const feeds = {};
    for (const input of session.inputMetadata) {
        if (!input.isTensor || !(input.type in FILLERS)) {
            throw new Error(`input '${input.name}' is of type '${input.type}', ` +
                `known are ${Object.keys(FILLERS).join(', ')}`);
        }
        const dims = input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 2));
        const count = dims.reduce((a, b) => a * b, 1);
        feeds[input.name] = new ort.Tensor(input.type, FILLERS[input.type](count, rng), dims);
    }
    return feeds;
}

async function runModel(ort, file, level, options, feedSets) {
    const session = await ort.InferenceSession.create(file, {
        graphOptimizationLevel: level,
        executionProviders: ['cpu'],
        intraOpNumThreads: Number(options.threads),
        logSeverityLevel: 3,
    });
    const feeds = feedSets || Array.from({ length: Number(options.samples) },
        (_, i) => makeFeeds(ort, session, Number(options.seed) + i));
    const results = [];
    for (const feed of feeds) {
        const run = await session.run(feed);
        results.push(Object.fromEntries(session.outputNames.map(
            (name) => [name, { type: run[name].type, dims: [...run[name].dims], data: run[name].data }])));
    }
    const outputNames = [...session.outputNames];
    await session.release();
    return { feeds, results, outputNames };
}

// Numbers of one output over all samples. A value that is finite on one side only counts in `mismatched`.
function compare(name, refs, news) {
    let elements = 0, maxAbs = 0, maxRef = 0, diffSquares = 0, refSquares = 0, nonfinite = 0, mismatched = 0;
    refs.forEach((sample, i) => {
        const a = sample[name], b = news[i][name];
        if (a.type !== b.type || a.dims.join() !== b.dims.join()) {
            throw new Error(`output '${name}' is ${a.type} [${a.dims}] in one model ` +
                `and ${b.type} [${b.dims}] in the other`);
        }
        for (let k = 0; k < a.data.length; k++) {
            const x = Number(a.data[k]), y = Number(b.data[k]);
            if (!Number.isFinite(x) || !Number.isFinite(y)) {
                nonfinite++;
                mismatched += Object.is(x, y) ? 0 : 1;
                continue;
            }
            const d = Math.abs(x - y);
            maxAbs = Math.max(maxAbs, d);
            maxRef = Math.max(maxRef, Math.abs(x));
            diffSquares += d * d;
            refSquares += x * x;
        }
        elements += a.data.length;
    });
    const finite = Math.max(elements - nonfinite, 1);
    return {
        name, elements, max_abs: maxAbs, max_ref: maxRef, rms_diff: Math.sqrt(diffSquares / finite),
        rms_ref: Math.sqrt(refSquares / finite), nonfinite, mismatched,
    };
}

async function main(argv) {
    const { files, options } = parse(argv);
    const ort = require(options.ort ? path.resolve(options.ort, 'onnxruntime-node') : 'onnxruntime-node');
    const ref = await runModel(ort, files[0], options['ref-level'], options, null);
    const other = await runModel(ort, files[1], options['new-level'], options, ref.feeds);
    if (ref.outputNames.join('\n') !== other.outputNames.join('\n')) {
        throw new Error(`outputs '${ref.outputNames}' in one model and '${other.outputNames}' in the other`);
    }
    const outputs = ref.outputNames.map((name) => compare(name, ref.results, other.results));
    const report = { ref: files[0], new: files[1], seed: Number(options.seed), outputs };
    console.log(JSON.stringify(report, null, 2));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(`run_ort.js: ${error.message}`);
    process.exitCode = 2;
});
