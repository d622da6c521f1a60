#!/usr/bin/env node
// Runs pairs of models, NAME.source.onnx and NAME.folded.onnx in a folder, in ONNX Runtime without its optimizations,
// on the same seeded inputs. A pair passes when its outputs are apart by no more than LIMIT times what rounding does to the
// source: what inputs moved by a unit of rounding change, and at least FLOOR of the output's size or of SMALL.
//
// usage: soak_ort.js FOLDER [--progress=N] [--verbose] [--catalogue]
//
// What ONNX Runtime has no kernels for is left out and counted; with --catalogue every source that it does not run is,
// whatever its reason: some are there to be refused. Integers are below 10, with --catalogue below 2. A worker process does the work: where the runtime takes
// it down, that pair failed and the next worker goes on behind it. The last line is `N passed, N failed`.
'use strict';

const fs = require('fs');
const path = require('path');
const { fork } = require('child_process');

const LIMIT = 32;
const DRAWS = 2;
// Shaken inputs that tell the noise, and how many more are asked where these told too little.
const SHAKES = 2;
const MORE_SHAKES = 24;
const UNIT = { float32: 2 ** -24, float64: 2 ** -53, float16: 2 ** -11 };
const FLOOR = { float32: 2 ** -20, float64: 2 ** -49, float16: 2 ** -8 };
// Inner values are about 1: what cancels to less than this keeps their rounding.
const SMALL = 1 / 16;
const LEFT_OUT = /Could not find an implementation|NOT_IMPLEMENTED|not implemented|not supported|not support double|InsertedPrecisionFreeCast/i;

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

// ---- float16, which this language has no arrays of

function fromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) {
        return fraction ? NaN : sign * Infinity;
    }
    return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

// Of numbers up to 8 in size, to the nearest
function toHalf(value) {
    const size = Math.abs(value), sign = value < 0 ? 0x8000 : 0;
    const exponent = Math.max(Math.floor(Math.log2(size || 2 ** -24)), -14);
    const steps = Math.round(size * 2 ** (10 - exponent));
    return sign | (exponent === -14 && steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

// ---- inputs and outputs

const MAKE = {
    float32: (values) => Float32Array.from(values),
    float64: (values) => Float64Array.from(values),
    float16: (values) => Uint16Array.from(values, toHalf),
};

const WHOLE = { int32: Int32Array, int8: Int8Array, uint8: Uint8Array };

// A run of the source that ONNX Runtime refuses: nothing to compare with.
class Refused extends Error {}

async function runSource(session, feeds) {
    try {
        return await session.run(feeds);
    } catch (error) {
        throw new Refused(error.message);
    }
}

function feedsOf(ort, session, seed, draw, shake) {
    const rng = generator(seed * 64 + draw), noise = generator(seed * 64 + 32 + shake);
    const whole = (count) => Array.from({ length: count }, () => Math.floor(rng() * (catalogue ? 2 : 10)));
    const feeds = {};
    for (const input of session.inputMetadata) {
        const dims = input.shape.map((d) => (typeof d === 'number' && d >= 0 ? d : 2 + draw));
        const count = dims.reduce((a, b) => a * b, 1);
        let data;
        if (input.type === 'int64') {
            data = BigInt64Array.from(whole(count), BigInt);
        } else if (input.type in WHOLE) {
            data = WHOLE[input.type].from(whole(count));
        } else if (input.type === 'bool') {
            data = Uint8Array.from({ length: count }, () => (draw + seed) & 1);
        } else if (input.type in MAKE) {
            const unit = shake ? 2 * UNIT[input.type] : 0;
            data = MAKE[input.type](Array.from({ length: count },
                () => 2 * (rng() + rng() + rng() - 1.5) * (1 + unit * (2 * noise() - 1))));
        } else {
            throw new Error(`input '${input.name}' is of type '${input.type}'`);
        }
        feeds[input.name] = new ort.Tensor(input.type, data, dims);
    }
    return feeds;
}

function numbers(tensor) {
    return tensor.type === 'float16' ? Array.from(new Uint16Array(tensor.data.buffer, tensor.data.byteOffset,
        tensor.data.length), fromHalf) : Array.from(tensor.data, Number);
}

function rms(values) {
    return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / Math.max(values.length, 1));
}

function distance(a, b) {
    return rms(a.map((v, i) => v - b[i]));
}

function open(ort, file) {
    return ort.InferenceSession.create(file, { graphOptimizationLevel: 'disabled', executionProviders: ['cpu'],
        intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 });
}

// What is wrong with a pair in one draw of inputs, or ''; worst.ratio becomes the largest distance in terms of noise.
async function compare(ort, source, folded, seed, draw, worst) {
    const feeds = feedsOf(ort, source, seed, draw, 0);
    const before = await runSource(source, feeds), after = await folded.run(feeds);
    const shaken = [];
    const shake = async (count) => {
        while (shaken.length < count) {
            shaken.push(await runSource(source, feedsOf(ort, source, seed, draw, shaken.length + 1)));
        }
    };
    await shake(SHAKES);
    if (source.outputNames.join() !== folded.outputNames.join()) {
        return `outputs '${folded.outputNames}', were '${source.outputNames}'`;
    }
    for (const name of source.outputNames) {
        const a = before[name], b = after[name];
        if (a.type !== b.type || a.dims.join() !== b.dims.join()) {
            return `output '${name}' is ${b.type} [${b.dims}], was ${a.type} [${a.dims}]`;
        }
        const x = numbers(a), y = numbers(b);
        if (!x.every(Number.isFinite)) {
            worst.nonfinite = true;
            continue;
        }
        const ratioNow = () => {
            const noise = Math.max(...shaken.map((s) => distance(numbers(s[name]), x)),
                Math.max(rms(x), SMALL) * (FLOOR[a.type] || 0));
            return distance(x, y) / noise || 0; // integers are equal, or apart by noise
        };
        if (ratioNow() > LIMIT) { // a variance of 0 shows what rounding does to it once in a while
            await shake(MORE_SHAKES);
        }
        const ratio = ratioNow();
        worst.ratio = Math.max(worst.ratio, ratio);
        if (!(ratio <= LIMIT)) {
            return `output '${name}' is off by ${distance(x, y).toExponential(2)} of ${rms(x).toExponential(2)}, ` +
                `${ratio.toPrecision(3)} times the noise`;
        }
    }
    return '';
}

// One pair: { verdict: 'passed' | 'failed' | 'left out', text, ratio }
async function judge(ort, folder, name, ran) {
    const seed = parseInt(name, 10) || 1;
    let source, folded;
    const worst = { ratio: 0, nonfinite: false, draws: 0 };
    try {
        source = await open(ort, path.join(folder, `${name}.source.onnx`));
        await source.run(feedsOf(ort, source, seed, 0, 0));
    } catch (error) {
        const text = error.message.replace(/ node with name.*/s, '').replace(/\s+/g, ' ');
        return { verdict: catalogue || LEFT_OUT.test(text) ? 'left out' : 'failed', text: `source: ${text}` };
    }
    ran();
    try {
        folded = await open(ort, path.join(folder, `${name}.folded.onnx`));
        for (let draw = 0; draw < DRAWS; draw++) {
            const text = await compare(ort, source, folded, seed, draw, worst);
            if (text) {
                return { verdict: 'failed', text, ratio: worst.ratio };
            }
            worst.draws++;
        }
    } catch (error) {
        if (catalogue && error instanceof Refused) {
            return { verdict: worst.draws ? 'passed' : 'left out', text: 'not on all inputs', ratio: worst.ratio };
        }
        return { verdict: 'failed', text: `result: ${error.message.replace(/\s+/g, ' ')}` };
    } finally {
        await source.release();
        if (folded) {
            await folded.release();
        }
    }
    return { verdict: 'passed', text: worst.nonfinite ? 'some outputs are not finite' : '', ratio: worst.ratio };
}

async function worker(folder) {
    const ort = require('onnxruntime-node');
    process.on('message', async (name) => {
        process.send({ name, ...(await judge(ort, folder, name, () => process.send({ name, ran: true }))) });
    });
}

// ---- the parent

function main(folder, options) {
    const names = fs.readdirSync(folder).map((file) => /^(.+)\.source\.onnx$/.exec(file)).filter(Boolean)
        .map((match) => match[1]).sort((a, b) => parseInt(a, 10) - parseInt(b, 10) || (a < b ? -1 : 1));
    const counts = { passed: 0, failed: 0, 'left out': 0 }, reasons = new Map();
    let next = 0, largest = 0;
    const note = (result) => {
        counts[result.verdict]++;
        largest = Math.max(largest, result.verdict === 'passed' ? result.ratio : 0);
        if (result.verdict === 'left out') {
            const text = catalogue ? 'the source does not run' : result.text;
            reasons.set(text, (reasons.get(text) || 0) + 1);
        }
        if (result.verdict === 'failed' || options.verbose) {
            const name = catalogue ? result.name : `seed ${result.name}`;
            console.log(`${name}: ONNX Runtime: ${result.verdict}: ${result.text}`);
        }
        if (options.progress && next % options.progress === 0) {
            console.log(`${next} pairs in ONNX Runtime: ${counts.passed} passed, ${counts.failed} failed, ` +
                `${counts['left out']} left out; largest distance ${largest.toPrecision(3)} times the noise`);
        }
    };
    const finish = () => {
        for (const [text, count] of [...reasons].sort((a, b) => b[1] - a[1])) {
            console.log(`${count} left out: ${text}`);
        }
        console.log(`ONNX Runtime: ${counts['left out']} of ${names.length} left out, largest distance ` +
            `${largest.toPrecision(3)} times the noise`);
        console.log(`${counts.passed} passed, ${counts.failed} failed`);
        process.exitCode = counts.failed ? 1 : 0;
    };
    const start = () => {
        const child = fork(__filename, [folder, '--worker', ...(catalogue ? ['--catalogue'] : [])],
            { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
        const more = () => (next < names.length ? child.send(names[next]) : child.disconnect());
        let ran = '';
        child.on('message', (result) => {
            if (result.ran) {
                ran = result.name;
                return;
            }
            next++;
            note(result);
            more();
        });
        child.on('exit', (code, signal) => {
            if (next === names.length) {
                finish();
                return;
            }
            next++;
            note({ name: names[next - 1], verdict: catalogue && ran !== names[next - 1] ? 'left out' : 'failed',
                text: `ended with ${signal || `exit status ${code}`}` });
            start();
        });
        more();
    };
    start();
}

const argv = process.argv.slice(2);
const catalogue = argv.includes('--catalogue');
const folder = argv.find((arg) => !arg.startsWith('-'));
if (!folder) {
    console.error('usage: soak_ort.js FOLDER [--progress=N] [--verbose] [--catalogue]');
    process.exitCode = 2;
} else if (argv.includes('--worker')) {
    worker(folder);
} else {
    const progress = argv.map((arg) => /^--progress=(\d+)$/.exec(arg)).find(Boolean);
    main(folder, { progress: progress ? Number(progress[1]) : 0, verbose: argv.includes('--verbose') });
}
