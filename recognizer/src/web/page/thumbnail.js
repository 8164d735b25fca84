// Draws a file's picture, small, into a canvas. In: a file. Out: pixels; nothing where the browser can't read it.

export async function draw(file, canvas) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return;
  }
  const { width, height } = picture;
  const side = Math.min(width, height);
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  picture.close();
}
