#!/usr/bin/env node
'use strict';
// A web server that answers each client so many times in a minute, counted in Redis (a fixed window), written for Redis:
// against Gramme it runs as it is.
//
//     npm install ioredis
//     REDIS_URL=redis://127.0.0.1:7001 node examples/rate_limiter.js [PORT]
//
// Then `curl -i http://127.0.0.1:8000/`: the eleventh time within a minute it says 429. LIMIT (10) and WINDOW_S (60)
// change that. Clients are told apart by their X-API-Key, or their address; any number of such servers count together.
//
// How exact it is. While all is well a client is let in LIMIT times in a window, no more and no less. When a Gramme node
// dies, what was counted stays counted, but while another node takes over a client's counter, requests that are under
// way may be told the same number: a client with C requests under way at once, at all servers together, is let in at
// most LIMIT + C - 1 times, and each further node that is lost within the window may add C. In a network that is parted
// one side at most goes on counting for a client, the others answer 500. With either store a request that was answered
// 500, or that ioredis sent again since the connection was lost, may be counted without having been let in.

const http = require('node:http');
const Redis = require('ioredis');

const LIMIT = Number(process.env.LIMIT || 10);
const WINDOW_S = Number(process.env.WINDOW_S || 60);

const redis = new Redis(process.env.REDIS_URL || 'redis://127.0.0.1:6379', {commandTimeout: 5000});
redis.on('error', (error) => console.error(`redis: ${error.message}`)); // it connects again by itself

// How often this client has come in the window, this time included. The key names the window: one that were left
// without an end, because a server died between the two commands, would count for nobody later.
async function count(client, window) {
    const key = `rate:${client}:${window}`;
    const times = await redis.incr(key);
    if (times === 1) {
        await redis.expire(key, WINDOW_S * 2);
    }
    return times;
}

async function answer(request, response) {
    const client = request.headers['x-api-key'] || request.socket.remoteAddress;
    const now = Date.now() / 1000;
    const window = Math.floor(now / WINDOW_S);
    const end = (window + 1) * WINDOW_S;
    response.setHeader('X-RateLimit-Limit', LIMIT);
    response.setHeader('X-RateLimit-Reset', end);
    const times = await count(client, window);
    response.setHeader('X-RateLimit-Remaining', Math.max(0, LIMIT - times));
    if (times > LIMIT) {
        response.setHeader('Retry-After', Math.max(1, Math.ceil(end - now)));
        response.writeHead(429).end('too many requests\n');
        return;
    }
    response.writeHead(200).end('welcome\n');
}

const server = http.createServer((request, response) => {
    answer(request, response).catch((error) => {
        console.error(`${request.url}: ${error.message}`);
        response.writeHead(500).end('try again\n');
    });
});
server.listen(Number(process.argv[2] || 8000), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}/`);
});
