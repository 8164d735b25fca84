// Draws a file's picture, small, into a canvas. In: a file. Out: pixels; a sheet of paper where the browser can't read
// it.

export async function draw(file, canvas) {
  const context = canvas.getContext('2d');
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return paper(context, canvas.width);
  }
  const { width, height } = picture;
  const side = Math.min(width, height);
  context.imageSmoothingQuality = 'high';
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  picture.close();
}

function paper(context, side) {
  context.strokeStyle = '#8a94a3';
  context.lineWidth = side / 32;
  context.lineJoin = 'round';
  const [left, right, top, bottom, corner] = [0.34, 0.66, 0.28, 0.72, 0.12].map((share) => share * side);
  context.beginPath();
  context.moveTo(right - corner, top);
  context.lineTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.lineTo(right, top + corner);
  context.lineTo(right - corner, top);
  context.lineTo(right - corner, top + corner);
  context.lineTo(right, top + corner);
  context.stroke();
}
