'use strict';
// node-redis (npm's redis): createClient and createCluster, which release 5 changed here and there.

const {main} = require('./program.js');

class Adapter {
    constructor(config) {
        this.library = require(config.library);
        this.isCluster = config.mode === 'cluster';
        const {createClient, createCluster} = this.library;
        const RESP = config.protocol;
        const nodes = config.ports.map((port) => ({url: `redis://127.0.0.1:${port}`}));
        this.client = this.isCluster ? createCluster({rootNodes: nodes, RESP}) : createClient({...nodes[0], RESP});
        this.client.on('error', () => {});
        this.prepareForBytes();
    }

    prepareForBytes() {
        this.forBytes = this.client.withTypeMapping({[this.library.RESP_TYPES.BLOB_STRING]: Buffer});
    }

    async connect() {
        await this.client.connect();
        return this;
    }

    classify(error) {
        if (error instanceof this.library.ErrorReply) {
            return 'reply';
        }
        return error instanceof TypeError || error instanceof ReferenceError ? 'bug' : 'connection';
    }

    async protocol() {
        const node = this.isCluster ? await this.client.nodeClient(this.client.masters[0]) : this.client;
        const reply = await node.sendCommand(['HELLO']);
        return Array.isArray(reply) ? reply[reply.indexOf('proto') + 1] : reply.proto;
    }

    set(key, value) {
        return this.client.set(key, value);
    }

    setFor(key, value, milliseconds) {
        return this.client.set(key, value, {PX: milliseconds});
    }

    setIf(key, value, condition) {
        return this.client.set(key, value, {condition});
    }

    setAndGet(key, value) {
        return this.client.set(key, value, {GET: true});
    }

    getdel(key) {
        return this.client.getDel(key);
    }

    get(key) {
        return this.forBytes.get(key);
    }

    delete(...keys) {
        return this.client.del(keys);
    }

    exists(...keys) {
        return this.client.exists(keys);
    }

    mset(pairs) {
        return this.client.mSet(pairs);
    }

    mget(keys) {
        return this.client.mGet(keys);
    }

    expire(key, seconds) {
        return this.client.expire(key, seconds);
    }

    ttl(key) {
        return this.client.ttl(key);
    }

    persist(key) {
        return this.client.persist(key);
    }

    incr(key) {
        return this.client.incr(key);
    }

    incrby(key, amount) {
        return this.client.incrBy(key, amount);
    }

    decr(key) {
        return this.client.decr(key);
    }

    decrby(key, amount) {
        return this.client.decrBy(key, amount);
    }

    batch(commands) {
        const chain = this.client.multi();
        for (const [name, ...words] of commands) {
            chain[name.toLowerCase()](...words);
        }
        return chain;
    }

    pipeline(commands) {
        return this.batch(commands).execAsPipeline();
    }

    transaction(commands) {
        return this.batch(commands).exec();
    }

    raw(...words) {
        return this.isCluster ? this.client.sendCommand(words[1], false, words) : this.client.sendCommand(words);
    }
}

// It knows no RESP3, names the conditions of SET otherwise, and answers booleans where the server answers 0 or 1.
class Adapter4 extends Adapter {
    prepareForBytes() {
        this.bytesWanted = this.library.commandOptions({returnBuffers: true});
    }

    get(key) {
        return this.client.get(this.bytesWanted, key);
    }

    setIf(key, value, condition) {
        return this.client.set(key, value, {[condition]: true});
    }

    async expire(key, seconds) {
        return Number(await this.client.expire(key, seconds));
    }

    async persist(key) {
        return Number(await this.client.persist(key));
    }
}

main((config) => new (config.library === 'redis-4' ? Adapter4 : Adapter)(config).connect());
