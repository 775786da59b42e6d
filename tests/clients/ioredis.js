'use strict';
// ioredis, and iovalkey, which was made of release 5: Redis and Cluster. Their commands for text answer strings, so values are read by their Buffer twins.

const {main} = require('./program.js');

class Adapter {
    constructor(config) {
        const Redis = require(config.library);
        // Release 6 speaks RESP3 unless told, the others RESP2 always.
        const redisOptions = config.library === 'ioredis-6' ? {protocol: config.protocol} : {};
        const nodes = config.ports.map((port) => ({host: '127.0.0.1', port}));
        this.client = config.mode === 'cluster' ? new Redis.Cluster(nodes, {redisOptions})
            : new Redis({...nodes[0], ...redisOptions});
        this.client.on('error', () => {});
        this.isCluster = config.mode === 'cluster';
    }

    classify(error) {
        if (error.name === 'ReplyError' || error.message.includes('Last error: ReplyError')) {
            return 'reply';
        }
        return error instanceof TypeError || error instanceof ReferenceError ? 'bug' : 'connection';
    }

    async protocol() {
        const node = this.isCluster ? this.client.nodes('master')[0] : this.client;
        const reply = await node.call('HELLO');
        return Array.isArray(reply) ? reply[reply.indexOf('proto') + 1] : reply.proto ?? reply.get('proto');
    }

    set(key, value) {
        return this.client.set(key, value);
    }

    setFor(key, value, milliseconds) {
        return this.client.set(key, value, 'PX', milliseconds);
    }

    setIf(key, value, condition) {
        return this.client.set(key, value, condition);
    }

    setAndGet(key, value) {
        return this.client.set(key, value, 'GET');
    }

    getdel(key) {
        return this.client.getdel(key);
    }

    get(key) {
        return this.client.getBuffer(key);
    }

    delete(...keys) {
        return this.client.del(...keys);
    }

    exists(...keys) {
        return this.client.exists(...keys);
    }

    mset(pairs) {
        return this.client.mset(new Map(pairs));
    }

    mget(keys) {
        return this.client.mget(keys);
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
        return this.client.incrby(key, amount);
    }

    decr(key) {
        return this.client.decr(key);
    }

    decrby(key, amount) {
        return this.client.decrby(key, amount);
    }

    async batch(chain, commands) {
        for (const [name, ...words] of commands) {
            chain[name.toLowerCase()](...words);
        }
        const replies = await chain.exec();
        const failed = replies.find(([error]) => error);
        if (failed) {
            throw failed[0];
        }
        return replies.map(([, reply]) => reply);
    }

    pipeline(commands) {
        return this.batch(this.client.pipeline(), commands);
    }

    transaction(commands) {
        return this.batch(this.client.multi(), commands);
    }

    raw(...words) {
        return this.client.call(...words);
    }
}

main((config) => new Adapter(config));
