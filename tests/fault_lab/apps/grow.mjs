// A worker that takes more and more memory.
console.log("working");
const taken = [];
for (;;) taken.push(Buffer.alloc(1 << 20, 1));
