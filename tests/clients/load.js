'use strict';
// Writes and reads while nodes die and come back, for the clients of Node. load.py is its twin and tells the rules.

const {plain} = require('./scenario.js');

const LANES = 3;
const KEYS_PER_LANE = 6;
const PAUSE_MS = 25;
const SLOW_MS = 15000;

function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

class NoAnswer extends Error {}

class Load {
    constructor(adapter, config, say) {
        Object.assign(this, {adapter, say, operations: 0, errors: 0, failures: [], messages: {}, slowest_ms: {},
            isStopped: false}); // slowest_ms: by phase
        this.isStrict = config.server === 'gramme';
        this.isBound = config.bound; // to this port
        this.waits = config.waits;
        this.port = config.ports[0];
        this.lanes = Array.from({length: LANES}, (_, lane) => Array.from({length: KEYS_PER_LANE}, (__, index) => ({
            name: `${config.prefix}load-${lane}-${index}`, written: 0, allowed: new Set([null])})));
        this.phase = 'before';
        this.victim = null;     // the port of the node that the last fault was about
        this.since = null;      // not recovered, since this time
        this.lastError = null;
        this.isCounting = false; // recovery, from when the fault has happened
        this.covered = new Set();
    }

    // What the driver says.

    nodeKilling(port) {
        this.victim = port;
        this.phase = 'killing';
        this.expectRecovery();
        this.isCounting = false;
        this.say('prepared');
    }

    nodeKilled() {
        this.phase = 'killed';
        this.expectRecovery();
    }

    nodeRestarted() {
        this.phase = 'restarted';
        this.expectRecovery();
    }

    expectRecovery() {
        this.since = this.lastError = performance.now();
        this.isCounting = true;
        this.covered.clear();
    }

    // Operations.

    failed(text) {
        if (this.failures.length < 20) {
            this.failures.push(text);
        }
    }

    errorIsForgiven(kind) {
        if (!this.isStrict) {
            return this.since !== null && kind !== 'bug';
        }
        const mayReachVictim = !this.isBound || this.victim === this.port;
        const isOfConnection = kind === 'connection' || (kind === 'silence' && (this.isBound || this.waits));
        return this.since !== null && isOfConnection && mayReachVictim;
    }

    tookError(operation, error) {
        const kind = error instanceof NoAnswer ? 'silence' : this.adapter.classify(error);
        const told = `${operation}: ${kind} error ${error.constructor.name}: ${error.message}`.slice(0, 300);
        const text = `${told} (node ${this.phase}${this.since === null ? ' and recovered' : ''})`;
        this.errors += 1;
        this.messages[text] = (this.messages[text] || 0) + 1;
        if (!this.errorIsForgiven(kind)) {
            this.failed(text);
        }
        this.lastError = performance.now();
        this.covered.clear();
    }

    // [true, reply] or [false].
    async attempt(operation, promise) {
        let timer;
        const slow = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new NoAnswer(`no answer within ${SLOW_MS} ms`)), SLOW_MS);
        });
        const began = performance.now();
        this.operations += 1;
        try {
            return [true, await Promise.race([promise, slow])];
        } catch (error) {
            this.tookError(operation, error);
            return [false];
        } finally {
            clearTimeout(timer);
            const took = Math.round(performance.now() - began);
            this.slowest_ms[this.phase] = Math.max(this.slowest_ms[this.phase] ?? 0, took);
        }
    }

    async write(key) {
        key.written += 1;
        const value = `${key.name}=${key.written}`;
        const [isOk, reply] = await this.attempt('SET', this.adapter.set(key.name, value));
        if (!isOk) {
            key.allowed.add(value);
            return false;
        }
        key.allowed = new Set([value]);
        if (plain(reply) !== 'OK') {
            this.failed(`SET was answered ${plain(reply)}`);
        }
        return true;
    }

    async read(key) {
        const [isOk, reply] = await this.attempt('GET', this.adapter.get(key.name));
        if (isOk && !key.allowed.has(plain(reply))) {
            this.failed(`WRONG VALUE of ${key.name}: ${plain(reply)}, not of ${[...key.allowed]}`);
        }
        return isOk;
    }

    noteRecovery(key) {
        if (this.since === null || !this.isCounting) {
            return;
        }
        this.covered.add(key.name);
        if (this.covered.size === LANES * KEYS_PER_LANE) {
            this.say('recovered', Math.round(this.lastError - this.since));
            this.since = null;
        }
    }

    async turn(keys, number) {
        const key = keys[number % keys.length];
        const since = this.since;
        const wrote = await this.write(key);
        const readOther = await this.read(keys[(number * 5 + Math.floor(number / keys.length)) % keys.length]);
        const readBack = await this.read(key);
        if (wrote && readOther && readBack && since === this.since) {
            this.noteRecovery(key);
        }
        await pause(PAUSE_MS);
    }

    async run() {
        await Promise.all(this.lanes.map(async (keys) => {
            for (const key of keys) {
                await this.write(key);
            }
        }));
        this.say('steady');
        await Promise.all(this.lanes.map(async (keys) => {
            for (let number = 0; !this.isStopped; number++) {
                await this.turn(keys, number);
            }
        }));
    }

    async finish() {
        const keys = this.lanes.flat();
        for (const key of keys) {
            await this.read(key);
        }
        const {operations, errors, failures, messages, slowest_ms} = this;
        const values = Object.fromEntries(keys.map((key) => [key.name, [...key.allowed].map((value) => value ?? '')]));
        return {operations, errors, failures, messages, slowest_ms, values};
    }
}

module.exports = {Load};
