'use strict';
// What every client must be able to do, for the clients of Node; scenario.py is its twin and tells what an adapter is.
// Here its methods are asynchronous, and values are Buffers.

const KIBIBYTE = 1024;
const ALL_BYTES = Buffer.from(Array.from({length: 256}, (_, index) => index));

// This client, or this server, has no such thing.
class Skip extends Error {}

function plain(value) {
    if (Buffer.isBuffer(value)) {
        return value.toString('latin1');
    }
    return Array.isArray(value) ? value.map(plain) : value;
}

function abbreviated(value) {
    const text = value === undefined ? 'undefined' : JSON.stringify(value);
    return text.length <= 160 ? text : `${text.slice(0, 100)}... (${text.length} characters)`;
}

// Buffers and strings of the same bytes are equal: which of them a client answers is its own affair.
function equal(seen, expected, what) {
    const [left, right] = [plain(seen), plain(expected)];
    if (JSON.stringify(left) !== JSON.stringify(right)) {
        throw new Error(`${what}: ${abbreviated(left)} instead of ${abbreviated(right)}`);
    }
}

async function errorReply(adapter, promise, what) {
    let reply;
    try {
        reply = await promise;
    } catch (error) {
        if (adapter.classify(error) !== 'reply') {
            throw error;
        }
        return error.message;
    }
    throw new Error(`${what} was answered ${abbreviated(plain(reply))} instead of an error`);
}

async function errorTells(adapter, text, ...words) {
    const told = await errorReply(adapter, adapter.raw(...words), words[0]);
    if (!told.includes(text)) {
        throw new Error(`the error of ${words[0]} doesn't say '${text}': ${told}`);
    }
}

function range(count, make) {
    return Array.from({length: count}, (_, index) => make(index));
}

const checks = {
    async protocol(adapter, config) {
        equal(await adapter.protocol(), config.protocol, 'the protocol that the connection speaks');
    },

    async strings(adapter, config) {
        const key = `${config.prefix}string`;
        equal(await adapter.get(key), null, 'GET of an absent key');
        for (const value of ['one', 'two', '', 'three']) {
            equal(await adapter.set(key, value), 'OK', 'SET');
            equal(await adapter.get(key), value, 'GET after SET');
        }
    },

    async delete(adapter, config) {
        const keys = range(3, (index) => `{${config.prefix}delete}${index}`);
        equal(await adapter.exists(...keys), 0, 'EXISTS before');
        await adapter.set(keys[0], 'here');
        await adapter.set(keys[1], 'here');
        equal(await adapter.exists(...keys), 2, 'EXISTS of two of three');
        equal(await adapter.delete(keys[0]), 1, 'DEL of one key');
        equal(await adapter.delete(keys[0]), 0, 'DEL again');
        equal(await adapter.get(keys[0]), null, 'GET of a deleted key');
        equal(await adapter.delete(...keys), 1, 'DEL of three, one of them there');
        equal(await adapter.exists(...keys), 0, 'EXISTS after');
        await adapter.set(keys[0], 'again');
        equal(await adapter.get(keys[0]), 'again', 'GET of a key made anew');
    },

    async many_one_slot(adapter, config) {
        const keys = range(20, (index) => `{${config.prefix}many}${index}`);
        equal(await adapter.mset(keys.map((key, index) => [key, `value ${index}`])), 'OK', 'MSET');
        const expected = [...range(20, (index) => `value ${index}`), null];
        equal(await adapter.mget([...keys, `{${config.prefix}many}absent`]), expected, 'MGET');
    },

    async many_across(adapter, config) {
        if (config.server !== 'gramme' && config.mode === 'cluster') {
            throw new Skip('a Redis Cluster refuses it');
        }
        const keys = range(20, (index) => `${config.prefix}across-${index}`);
        equal(await adapter.mset(keys.map((key, index) => [key, `value ${index}`])), 'OK', 'MSET');
        const expected = [...range(20, (index) => `value ${index}`), null];
        equal(await adapter.mget([...keys, `${config.prefix}across-absent`]), expected, 'MGET');
    },

    async expiry(adapter, config) {
        const key = `${config.prefix}expiry`;
        equal(await adapter.expire(key, 100), 0, 'EXPIRE of an absent key');
        equal(await adapter.ttl(key), -2, 'TTL of an absent key');
        await adapter.set(key, 'value');
        equal(await adapter.ttl(key), -1, 'TTL of a key that stays');
        equal(await adapter.expire(key, 100), 1, 'EXPIRE');
        const left = await adapter.ttl(key);
        if (left < 98 || left > 100) {
            throw new Error(`TTL after EXPIRE 100: ${left}`);
        }
        equal(await adapter.persist(key), 1, 'PERSIST');
        equal(await adapter.ttl(key), -1, 'TTL after PERSIST');
        equal(await adapter.setFor(key, 'brief', 300), 'OK', 'SET PX');
        const deadline = Date.now() + 5000;
        for (let value = await adapter.get(key); value !== null; value = await adapter.get(key)) {
            equal(value, 'brief', 'GET before expiry');
            if (Date.now() > deadline) {
                throw new Error('a key of 300 ms is there after 5 s');
            }
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
        equal(await adapter.ttl(key), -2, 'TTL of an expired key');
        equal(await adapter.exists(key), 0, 'EXISTS of an expired key');
    },

    async conditions(adapter, config) {
        const key = `${config.prefix}conditions`;
        equal(await adapter.setIf(key, 'no', 'XX'), null, 'SET XX of an absent key');
        equal(await adapter.setIf(key, 'first', 'NX'), 'OK', 'SET NX of an absent key');
        equal(await adapter.setIf(key, 'second', 'NX'), null, 'SET NX of a key that is there');
        equal(await adapter.get(key), 'first', 'GET');
        equal(await adapter.setIf(key, 'third', 'XX'), 'OK', 'SET XX');
        equal(await adapter.setAndGet(key, 'fourth'), 'third', 'SET GET');
        equal(await adapter.getdel(key), 'fourth', 'GETDEL');
        equal(await adapter.get(key), null, 'GET after GETDEL');
    },

    async counters(adapter, config) {
        const key = `${config.prefix}counter`;
        equal(await adapter.incr(key), 1, 'INCR of an absent key');
        equal(await adapter.incr(key), 2, 'INCR');
        equal(await adapter.incrby(key, 40), 42, 'INCRBY 40');
        equal(await adapter.decr(key), 41, 'DECR');
        equal(await adapter.decrby(key, 50), -9, 'DECRBY 50');
        equal(await adapter.get(key), '-9', 'GET of a counter');
        equal(await adapter.set(key, '10'), 'OK', 'SET over a counter');
        equal(await adapter.incrby(key, -3), 7, 'INCRBY -3 after SET 10');
        equal(await adapter.delete(key), 1, 'DEL of a counter');
        equal(await adapter.decr(key), -1, 'DECR after DEL');
        equal(await adapter.pipeline(range(20, () => ['INCR', key])), range(20, (index) => index), 'a pipeline of INCRs');
        const sums = await Promise.all(range(20, () => adapter.incr(key)));
        equal(sums, range(20, (index) => index + 20), 'INCRs at once');
        equal(await adapter.get(key), '39', 'GET after all of them');
    },

    async pipeline(adapter, config) {
        const keys = range(100, (index) => `{${config.prefix}pipe}${index}`);
        const sets = keys.map((key) => ['SET', key, `value-${key}`]);
        const replies = await adapter.pipeline([...sets, ...keys.map((key) => ['GET', key])]);
        equal(replies.length, 200, 'replies');
        equal(replies.slice(100), keys.map((key) => `value-${key}`), 'the GETs of a pipeline');
    },

    // Not a pipeline by name, but what these clients make of commands that nobody waits for.
    async concurrent(adapter, config) {
        const keys = range(100, (index) => `${config.prefix}concurrent-${index}`);
        await Promise.all(keys.map((key) => adapter.set(key, `value-${key}`)));
        const values = await Promise.all(keys.map((key) => adapter.get(key)));
        equal(values, keys.map((key) => `value-${key}`), 'GETs at once');
    },

    async pipeline_order(adapter, config) {
        const key = `${config.prefix}order`;
        const commands = range(50, (index) => [['SET', key, `${index}`], ['GET', key]]).flat();
        const replies = await adapter.pipeline(commands);
        equal(replies.filter((_, index) => index % 2 === 1), range(50, (index) => `${index}`), 'GET behind SET');
    },

    async transaction(adapter, config) {
        const [first, second] = [`{${config.prefix}multi}1`, `{${config.prefix}multi}2`];
        const commands = [['SET', first, 'a'], ['SET', second, 'b'], ['GET', first], ['GET', second], ['DEL', first]];
        equal(await adapter.transaction(commands), ['OK', 'OK', 'a', 'b', 1], 'the replies of EXEC');
        equal(await adapter.get(first), null, 'GET after EXEC');
        equal(await adapter.get(second), 'b', 'GET after EXEC');
    },

    async binary(adapter, config) {
        const key = Buffer.concat([Buffer.from(config.prefix), ALL_BYTES]);
        const value = Buffer.concat([ALL_BYTES, ALL_BYTES, Buffer.from('\r\n$-1\r\n\0')]);
        equal(await adapter.set(key, value), 'OK', 'SET');
        equal(await adapter.get(key), value, 'GET');
        equal(await adapter.delete(key), 1, 'DEL');
    },

    async large(adapter, config) {
        const key = `${config.prefix}large`;
        const value = Buffer.alloc(KIBIBYTE * KIBIBYTE, Buffer.concat([ALL_BYTES, Buffer.from('\r\n')]));
        equal(await adapter.set(key, value), 'OK', 'SET of 1 MiB');
        equal(await adapter.get(key), value, 'GET of 1 MiB');
        equal(await adapter.set(key, 'small'), 'OK', 'SET over 1 MiB');
        equal(await adapter.get(key), 'small', 'GET');
    },

    async errors(adapter, config) {
        const key = `${config.prefix}errors`;
        await adapter.set(key, 'no number');
        await errorTells(adapter, 'not an integer', 'INCR', key);
        await errorTells(adapter, config.server === 'gramme' ? 'not supported' : 'WRONGTYPE', 'SADD', key, 'member');
        await errorReply(adapter, adapter.raw('SET', key), 'SET without a value');
        equal(await adapter.get(key), 'no number', 'GET after the errors');
    },

    async siblings(adapter, config) {
        if (config.server !== 'gramme') {
            throw new Skip("Gramme's own");
        }
        const key = `${config.prefix}siblings`;
        // A deleted key may have a context for its next writer, but no value.
        const read = async (expected, what) => {
            const reply = await adapter.raw('GRAMME.GET', key);
            equal(reply === null ? [] : reply.slice(1).map(plain).sort(), expected, what);
            return reply === null ? null : plain(reply[0]);
        };
        equal(await adapter.raw('GRAMME.GET', key), null, 'GRAMME.GET of an absent key');
        await adapter.raw('GRAMME.PUT', key, 'one');
        await adapter.raw('GRAMME.PUT', key, 'two');
        const context = await read(['one', 'two'], "GRAMME.GET after two puts that didn't know of each other");
        equal(await adapter.get(key), 'two', 'GET of siblings: the later one');
        await adapter.raw('GRAMME.PUT', key, 'merged', 'CONTEXT', context);
        await read(['merged'], 'GRAMME.GET after a put over both');
        await adapter.raw('GRAMME.PUT', key, 'late', 'CONTEXT', context);
        const latest = await read(['late', 'merged'], 'GRAMME.GET after a put that knew the first two only');
        const forged = latest.slice(0, -1) + (latest.endsWith('A') ? 'B' : 'A');
        await errorReply(adapter, adapter.raw('GRAMME.PUT', key, 'forged', 'CONTEXT', forged), 'a forged context');
        await read(['late', 'merged'], 'GRAMME.GET after a forged context');
        equal(await adapter.set(key, 'plain'), 'OK', 'SET over siblings');
        const last = await read(['plain'], 'GRAMME.GET after SET');
        await adapter.raw('GRAMME.DEL', key, 'CONTEXT', last);
        await read([], 'GRAMME.GET after GRAMME.DEL');
        equal(await adapter.get(key), null, 'GET after GRAMME.DEL');
    },
};

async function runChecks(adapter, config, say) {
    for (const [name, check] of Object.entries(checks)) {
        try {
            await check(adapter, config);
            say('check', name, 'ok');
        } catch (error) {
            if (error instanceof Skip) {
                say('check', name, 'skipped', error.message);
            } else {
                say('check', name, 'FAILED', `${error.name}: ${error.message}`);
            }
        }
    }
}

module.exports = {Skip, runChecks, plain};
